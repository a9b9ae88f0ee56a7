"""Null scores as mergeable counts, and p-values read off them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import Incompatible, InvalidInput, digest

__all__ = ["TailCounts", "bin_edges"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A bin is the sign-free exponent and the first 7 mantissa bits of -log p: 128 bins per
# factor of two, found without a logarithm, so that bins do not depend on a libm.
_SHIFT = 45
_LOWEST, _HIGHEST = 2.0**-6, 2.0**17
BINS = 23 * 128 + 2


@dataclass(frozen=True, slots=True, eq=False)
class TailCounts:
    """How often null scores were at least as extreme, per pool; exact.

    Attributes
    ----------
    counts : int64 array, shape (g, BINS)
        Counts of -log p per bin; bin 0 holds everything below 2⁻⁶, the last bin
        everything from 2¹⁷ on.  Bins are at most 1/128 of their value wide.

    Notes
    -----
    A pool is a group of units with one null law, for instance all agents of a fleet.
    Each unit is scored by its own parametric law first (scales differ), then the pool
    says how often a score that extreme really occurs.
    """

    counts: Ints

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def from_block(cls, log_p: ArrayLike, groups: ArrayLike, n_groups: int) -> Self:
        """Count null scores.

        Parameters
        ----------
        log_p : array_like, shape (n,)
            Natural logarithms of p; NaN is not counted, above 0 counts as 0.
        groups : integer array_like, shape (n,)
            Pool of each, in [0, n_groups); -1 is not counted.
        n_groups : int

        Raises
        ------
        InvalidInput
            When shapes differ or a pool is out of range.
        """
        values, codes = _checked(log_p, groups, n_groups, "from_block")
        seen = ~np.isnan(values) & (codes >= 0)
        flat = codes[seen] * BINS + _bins(values[seen])
        counts = np.bincount(flat, minlength=n_groups * BINS)
        return cls(counts.reshape(n_groups, BINS).astype(np.int64))

    @property
    def n_groups(self) -> int:
        """Number of pools."""
        return len(self.counts)

    @property
    def size(self) -> Ints:
        """Null scores per pool, shape (g,)."""
        total: Ints = self.counts.sum(axis=1)
        return total

    def __repr__(self) -> str:
        return f"TailCounts: n={int(self.size.sum()):_} | pools={self.n_groups}"

    def calibrate(self, log_p: ArrayLike, groups: ArrayLike) -> Floats:
        """Turn scores into p-values by rank among the pool's null scores.

        Parameters
        ----------
        log_p : array_like, shape (n,)
        groups : integer array_like, shape (n,)

        Returns
        -------
        float64 array, shape (n,)
            (1 + #{null at least as extreme}) / (1 + m), in (0, 1]; 1 for an empty pool;
            NaN where log p is NaN or the pool is -1.

        Raises
        ------
        InvalidInput
            When shapes differ or a pool is out of range.

        Notes
        -----
        Valid: P(p <= a) <= a when the score is exchangeable with the null scores.  The
        whole bin of a score counts as more extreme, so binning never makes p smaller.
        p cannot go below 1 / (1 + m): a family needs m well beyond its size / q.
        """
        values, codes = _checked(log_p, groups, self.n_groups, "calibrate")
        seen = ~np.isnan(values) & (codes >= 0)
        beyond = np.cumsum(self.counts[:, ::-1], axis=1)[:, ::-1]
        out = np.full(values.shape, np.nan)
        at = codes[seen]
        out[seen] = (1.0 + beyond[at, _bins(values[seen])]) / (1.0 + self.size[at])
        return out

    def exceedances(self, pool: int) -> tuple[Floats, Ints]:
        """Lower edges of -log p of the bins, rising, and counts per bin of one pool."""
        return _edges(), self.counts[pool]

    def beyond(self, log_p: ArrayLike, groups: ArrayLike) -> NDArray[np.bool_]:
        """Whether a score is more extreme than every null score of its pool.

        There p is an upper bound, set by the size of the pool.  False for NaN and for
        an empty pool, which says nothing.  Parameters as `calibrate`.
        """
        values, codes = _checked(log_p, groups, self.n_groups, "beyond")
        seen = ~np.isnan(values) & (codes >= 0)
        occupied = self.counts[:, ::-1] > 0
        top = np.where(occupied.any(1), BINS - 1 - occupied.argmax(1), BINS)
        out = np.zeros(values.shape, dtype=bool)
        out[seen] = _bins(values[seen]) > top[codes[seen]]
        return out

    def empty(self) -> Self:
        """Return the same pools with nothing counted."""
        return type(self)(np.zeros_like(self.counts))

    def merge(self, other: Self) -> Self:
        """Add counts.

        Raises
        ------
        Incompatible
            When the numbers of pools differ.
        """
        self._fits(other, "merge")
        return type(self)(self.counts + other.counts)

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        for item in many[1:]:
            many[0]._fits(item, "merge")
        total = many[0].counts.copy()
        for item in many[1:]:
            total += item.counts
        return cls(total)

    def subtract(self, other: Self) -> Self:
        """Take counts back out.

        Raises
        ------
        Incompatible
            When the numbers of pools differ or `other` was never merged in.
        """
        self._fits(other, "subtract")
        left = self.counts - other.counts
        if (left < 0).any():
            raise Incompatible(
                f"TailCounts.subtract: {int((left < 0).sum())} counts would be "
                "negative. Subtract only what was merged before."
            )
        return type(self)(left)

    def rollup(self, parent: ArrayLike, n_parents: int) -> Self:
        """Add up pools: pool i goes to `parent[i]`; -1 leaves it out.

        Raises
        ------
        InvalidInput
            When `parent` does not have one entry per pool or is out of range.
        """
        up = np.asarray(parent, np.int64)
        if up.shape != (self.n_groups,) or ((up < -1) | (up >= n_parents)).any():
            raise InvalidInput(
                f"TailCounts.rollup: parent {up.shape} for {self.n_groups} pools and "
                f"{n_parents} parents. Give one parent in [-1, {n_parents}) per pool."
            )
        out = np.zeros((n_parents, BINS), dtype=np.int64)
        np.add.at(out, up[up >= 0], self.counts[up >= 0])
        return type(self)(out)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State: ``counts``, int64 (g, BINS)."""
        return {"counts": self.counts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When the array is missing, has another shape or negative counts.
        """
        counts = np.asarray(arrays.get("counts", np.zeros(0)))
        if counts.ndim != 2 or counts.shape[1] != BINS or (counts < 0).any():
            raise InvalidInput(
                f"TailCounts.from_arrays: counts of shape {counts.shape}, expected "
                f"(pools, {BINS}) of counts >= 0. Collect the null scores again."
            )
        return cls(counts.astype(np.int64))

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)

    def _fits(self, other: Self, where: str) -> None:
        if self.n_groups != other.n_groups:
            raise Incompatible(
                f"TailCounts.{where}: {self.n_groups} and {other.n_groups} pools. "
                "Build both with the same pools."
            )


def bin_edges() -> Floats:
    """Edges of the bins of -log p, shape (BINS + 1,): bin i is [edge i, edge i + 1)."""
    start = _bits(_LOWEST) >> _SHIFT
    inner = ((start + np.arange(BINS - 1, dtype=np.int64)) << _SHIFT).view(np.float64)
    return np.concatenate([[0.0], inner, [2.0 * _HIGHEST]])


def _bins(log_p: Floats) -> Ints:
    """Bin of each score; monotone in -log p."""
    value = np.clip(-log_p, 0.0, _HIGHEST) + 0.0
    found = (value.view(np.int64) >> _SHIFT) - (_bits(_LOWEST) >> _SHIFT) + 1
    bins: Ints = np.where(value < _LOWEST, 0, np.minimum(found, BINS - 1))
    return bins


def _edges() -> Floats:
    """Lower edge of every bin."""
    first = _bits(_LOWEST) >> _SHIFT
    bits = (np.arange(BINS - 1, dtype=np.int64) + first) << _SHIFT
    return np.concatenate([[0.0], bits.view(np.float64)])


def _bits(value: float) -> int:
    return int(np.array([value]).view(np.int64)[0])


def _checked(
    log_p: ArrayLike, groups: ArrayLike, n_groups: int, where: str
) -> tuple[Floats, Ints]:
    values = np.asarray(log_p, np.float64)
    codes = np.asarray(groups, np.int64)
    if values.shape != codes.shape or values.ndim != 1:
        raise InvalidInput(
            f"TailCounts.{where}: log_p {values.shape} and groups {codes.shape} "
            "differ. Give the pool of every score."
        )
    if ((codes < -1) | (codes >= n_groups)).any():
        raise InvalidInput(
            f"TailCounts.{where}: pools from {codes.min()} to {codes.max()} for "
            f"{n_groups} pools. Give [0, {n_groups}), or -1 for none."
        )
    return values, codes
