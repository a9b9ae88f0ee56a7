"""Exact sums of weighted evidence: what every partition agrees on to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.evidence_block import cells_of, checked_ratio, quantised, scatter
from stats.limbs import SUM_UNIT, Limbs, join_counts
from stats.rounding import over_counts
from stats.summary import Incompatible, InvalidInput, digest

__all__ = ["EvidenceSums"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EvidenceSums:
    """Exact sums of weighted log-likelihood ratios per group and hypothesis.

    Attributes
    ----------
    counts : int64 array, shape (g, h, 3)
        Rows, sum of weights and sum of squared weights, in units of 2⁻¹⁶ and 2⁻³².
    signed : Limbs, g * h cells
        Σ w l, in units of 2⁻¹⁶ of the grid of sums.
    size : Limbs, g * h cells
        ``Σ w |l|``: what the evidence would come to if it all agreed.

    Notes
    -----
    A group is whatever is told apart: an agent, or an agent and a source.  Partitions
    add; nothing is normalised, capped or clamped here, and no prior enters.  A row of
    weight 0 is counted and moves nothing.  Natural logarithms.
    Source: Good, Probability and the Weighing of Evidence (1950).
    Naive twin: tests/stats/test_evidence.py.

    Examples
    --------
    >>> sums = EvidenceSums.from_block([1e16, 0.5, -1e16], [1, 1, 1], [0, 0, 0], 1)
    >>> float(sums.log_ratio()[0, 0])
    0.5
    """

    counts: Ints
    signed: Limbs
    size: Limbs

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def from_block(
        cls,
        log_ratio: ArrayLike,
        confidence: ArrayLike,
        groups: ArrayLike,
        n_groups: int,
        *,
        hypotheses: ArrayLike | None = None,
        n_hypotheses: int = 1,
    ) -> Self:
        """Add up rows of evidence.

        Parameters
        ----------
        log_ratio : array_like, shape (n,)
            Log-likelihood ratio against the reference, or with several hypotheses the
            log-likelihood of one of them; finite, below 2^1000 in size.
        confidence : array_like, shape (n,) or scalar
            In [0, 1], rounded to steps of 2⁻¹⁶.
        groups : integer array_like, shape (n,)
            In [0, n_groups); -1 leaves a row out.
        n_groups : int
        hypotheses : integer array_like, shape (n,), optional
            Which one a row speaks of, in [0, n_hypotheses); all of the first if absent.
        n_hypotheses : int

        Raises
        ------
        InvalidInput
            When shapes differ, a ratio is not finite or too large, a confidence is not
            in [0, 1], or a group or hypothesis is out of range; nothing is added.
        """
        ratio = checked_ratio(log_ratio)
        weight = quantised(np.broadcast_to(np.asarray(confidence), ratio.shape))
        cell = cells_of(len(ratio), groups, n_groups, hypotheses, n_hypotheses)
        counts = np.zeros((n_groups * n_hypotheses, 3), dtype=np.int64)
        signed, size = scatter(counts, cell, ratio, weight)
        return cls(counts.reshape(n_groups, n_hypotheses, 3), signed, size)

    def __repr__(self) -> str:
        return (
            f"EvidenceSums: n={int(self.counts[..., 0].sum()):_} | "
            f"groups={self.n_groups:_} | hypotheses={self.n_hypotheses}"
        )

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.counts)

    @property
    def n_hypotheses(self) -> int:
        """Number of hypotheses."""
        return int(self.counts.shape[1])

    @property
    def n(self) -> Ints:
        """Rows per group and hypothesis, shape (g, h)."""
        found: Ints = self.counts[..., 0]
        return found

    def weight(self) -> Floats:
        """Σ w, shape (g, h)."""
        return np.ldexp(self.counts[..., 1].astype(np.float64), -16)

    def effective_n(self) -> Floats:
        """Rows of equal weight that weigh as much, (Σ w)² / Σ w², shape (g, h).

        Notes
        -----
        0 without weight.  Source: Kish, Survey Sampling (1965).
        """
        total, square = (self.counts[..., k].astype(np.float64) for k in (1, 2))
        return np.divide(total**2, square, out=0.0 * total, where=square > 0)

    def log_ratio(self) -> Floats:
        """Σ w l, correctly rounded, shape (g, h)."""
        return _rounded(self.signed).reshape(self.n.shape)

    def magnitude(self) -> Floats:
        """``Σ w |l|``, correctly rounded, shape (g, h)."""
        return _rounded(self.size).reshape(self.n.shape)

    def against(self, reference: int) -> Floats:
        """Σ w l of every hypothesis minus that of one, rounded once, shape (g, h).

        The difference is taken between integers, so sums of 1e16 that differ by one
        half differ by one half.

        Raises
        ------
        InvalidInput
            When there is no such hypothesis.
        """
        h = self.n_hypotheses
        if not 0 <= reference < h:
            raise InvalidInput(
                f"EvidenceSums.against: hypothesis {reference} of {h}. "
                f"Give one in [0, {h})."
            )
        cells = np.arange(self.n_groups * h, dtype=np.int64)
        other = self.signed.take(cells // h * h + reference, 1)
        return _rounded(Limbs.add([self.signed, other], (1, -1))).reshape(-1, h)

    def empty(self) -> Self:
        """Nothing seen; same groups and hypotheses."""
        return self.rollup(np.full(self.n_groups, -1), self.n_groups)

    def merge(self, other: Self) -> Self:
        """Add up both; neither changes.

        Raises
        ------
        Incompatible
            When groups or hypotheses differ.
        """
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        for item in many[1:]:
            many[0]._fits(item, "merge")
        return cls(
            np.sum([item.counts for item in many], axis=0),
            Limbs.add([item.signed for item in many]),
            Limbs.add([item.size for item in many]),
        )

    def subtract(self, other: Self) -> Self:
        """Take `other`, which was merged before, out again.

        Raises
        ------
        Incompatible
            When groups or hypotheses differ, or `other` holds more rows.
        """
        self._fits(other, "subtract")
        left = self.counts - other.counts
        if (left < 0).any():
            raise Incompatible(
                f"EvidenceSums.subtract: {int((left[..., 0] < 0).sum())} cells would "
                "hold fewer than 0 rows. Subtract only what was merged before."
            )
        return type(self)(
            left,
            Limbs.add([self.signed, other.signed], (1, -1)),
            Limbs.add([self.size, other.size], (1, -1)),
        )

    def rollup(self, parent: ArrayLike, n_parents: int) -> Self:
        """Add up groups: group i goes to ``parent[i]``; -1 leaves it out.

        Raises
        ------
        InvalidInput
            When `parent` does not have one entry per group or is out of range.
        """
        return self.join([self], [np.asarray(parent, np.int64)], n_parents)

    @classmethod
    def join(
        cls, items: Sequence[Self], parents: Sequence[NDArray[np.int64]], n_groups: int
    ) -> Self:
        """Add up groups of many: group i of item k goes to ``parents[k][i]``.

        Raises
        ------
        InvalidInput, Incompatible
            As `rollup` and `merge`.
        """
        h = items[0].n_hypotheses
        for item, up in zip(items, parents, strict=True):
            if item.n_hypotheses != h:
                raise Incompatible(
                    f"EvidenceSums.join: {h} and {item.n_hypotheses} hypotheses. "
                    "Build all with the same ones."
                )
            if up.shape != (item.n_groups,) or ((up < -1) | (up >= n_groups)).any():
                raise InvalidInput(
                    f"EvidenceSums.rollup: parent {up.shape} for {item.n_groups} "
                    f"groups and {n_groups} parents. Give one parent in "
                    f"[-1, {n_groups}) per group."
                )
        return cls(
            join_counts([item.counts for item in items], parents, n_groups),
            Limbs.join([item.signed for item in items], parents, n_groups, h),
            Limbs.join([item.size for item in items], parents, n_groups, h),
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Canonical state; equal sums give equal arrays."""
        return {
            "counts": self.counts,
            **self.signed.to_arrays("signed"),
            **self.size.to_arrays("size"),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When an array is missing or has another shape.
        """
        try:
            counts = np.asarray(arrays["counts"], np.int64)
            signed = Limbs.from_arrays("signed", arrays)
            size = Limbs.from_arrays("size", arrays)
        except KeyError as error:
            raise InvalidInput(
                f"EvidenceSums.from_arrays: no array {error}. Add the evidence again."
            ) from error
        cells = counts.size // 3
        if counts.ndim != 3 or signed.cells != cells or size.cells != cells:
            raise InvalidInput(
                f"EvidenceSums.from_arrays: counts {counts.shape} for {signed.cells} "
                "sums. Add the evidence again."
            )
        return cls(counts, signed, size)

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)

    def _fits(self, other: Self, verb: str) -> None:
        if self.counts.shape != other.counts.shape:
            raise Incompatible(
                f"EvidenceSums.{verb}: (groups, hypotheses) {self.n.shape} and "
                f"{other.n.shape}. Build both for the same ones."
            )


def _rounded(limbs: Limbs) -> Floats:
    """Cells in units of the weight, rounded once."""
    return over_counts(limbs, np.ones(limbs.cells, dtype=np.int64), SUM_UNIT - 16)
