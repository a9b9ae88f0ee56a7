"""What a pass over evidence keeps: exact sums of cells seen, and some whole rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.evidence_sums import EvidenceSums
from stats.sparse_groups import touched_groups
from stats.summary import Incompatible, InvalidInput, digest

__all__ = ["EvidenceTotals"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Cells per row up to which numbering by a table beats sorting.
_DENSE = 4
_LARGEST = 1e60


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EvidenceTotals:
    """Exact sums of evidence by cell, and the rows of a few agents.

    Attributes
    ----------
    ids : int64 array, shape (m,)
        Sorted, unique, not negative: cells with at least one row.  A cell is an agent,
        a source and a type in one number; cells that nobody spoke of take no memory.
    sums : EvidenceSums
        Group i is cell ``ids[i]``.
    places : int64 array, shape (r, 3)
        Of the rows kept: unit (agent, and hypothesis), source and night; in any order,
        which the canonical state does not keep.
    ratios : float64 array, shape (r,)
        w l of these rows, within 1e60; 0 is positive.

    Notes
    -----
    Rows are kept whole for statistics that need all rows of an agent at once, such as
    `stats.evidence_tempering`.  Which ones is the caller's choice.  Neither blocks nor
    order of rows change a bit.  Naive twin: tests/stats/test_evidence_totals.py.

    Examples
    --------
    >>> a = EvidenceTotals.from_rows([1.0, 2.0], 1.0, [7, 7])
    >>> b = EvidenceTotals.from_rows([0.5], 1.0, [3])
    >>> a.merge(b).ids.tolist(), a.merge(b).sums.log_ratio()[:, 0].tolist()
    ([3, 7], [0.5, 3.0])
    """

    ids: Ints
    sums: EvidenceSums
    places: Ints
    ratios: Floats

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def from_rows(
        cls,
        log_ratio: ArrayLike,
        confidence: ArrayLike,
        cells: ArrayLike,
        *,
        numbers: ArrayLike | None = None,
        hypotheses: ArrayLike | None = None,
        n_hypotheses: int = 1,
        kept: ArrayLike | None = None,
        places: ArrayLike | None = None,
    ) -> Self:
        """Add up rows.

        Parameters
        ----------
        log_ratio, confidence, hypotheses, n_hypotheses
            As `EvidenceSums.from_block`.
        cells : integer array_like, shape (n,)
            Cell of each row; negative leaves it out.
        numbers : integer array_like, optional
            Strictly increasing; then the cell of a row is the number at its place.
            Numbering rows by few places is faster than by large numbers.
        kept : integer array_like, shape (r,), optional
            Which rows to keep whole.
        places : integer array_like, shape (r, 3), optional
            Unit, source and night of these.

        Raises
        ------
        InvalidInput
            As `EvidenceSums.from_block`, or for places that do not fit.
        """
        x = np.asarray(log_ratio, np.float64)
        weight = np.broadcast_to(np.asarray(confidence, np.float64), x.shape)
        ids, code = _numbered(np.asarray(cells, np.int64))
        if numbers is not None:
            ids = np.asarray(numbers, np.int64)[ids]
        sums = EvidenceSums.from_block(
            x, weight, code, len(ids), hypotheses=hypotheses, n_hypotheses=n_hypotheses
        )
        chosen = np.asarray([] if kept is None else kept, np.int64)
        where = np.asarray([] if places is None else places, np.int64)
        if where.size != 3 * len(chosen):
            raise InvalidInput(
                f"EvidenceTotals: places {where.shape} for {len(chosen)} rows that are "
                "kept. Give unit, source and night of each."
            )
        value = np.clip(x[chosen] * weight[chosen], -_LARGEST, _LARGEST) + 0.0
        return cls(ids, sums, where.reshape(-1, 3), value)

    def __repr__(self) -> str:
        return (
            f"EvidenceTotals: n={int(self.sums.n.sum()):_} | cells={len(self.ids):_} | "
            f"rows kept={len(self.ratios):_}"
        )

    def empty(self) -> Self:
        """Nothing seen; same hypotheses."""
        none = np.full(len(self.ids), -1, dtype=np.int64)
        return type(self)(
            none[:0], self.sums.rollup(none, 0), self.places[:0], self.ratios[:0]
        )

    def merge(self, other: Self) -> Self:
        """Add up both, cell by cell; neither changes.

        Raises
        ------
        Incompatible
            When they have other hypotheses.
        """
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        every = np.sort(np.concatenate([item.ids for item in many]), kind="stable")
        ids = every[np.append(True, every[1:] != every[:-1])[: len(every)]]
        up = [np.searchsorted(ids, item.ids).astype(np.int64) for item in many]
        sums = EvidenceSums.join([item.sums for item in many], up, len(ids))
        return cls(
            ids,
            sums,
            np.concatenate([item.places for item in many]),
            np.concatenate([item.ratios for item in many]),
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Canonical state; equal evidence gives equal arrays."""
        order = np.lexsort((self.ratios, *self.places.T[::-1]))
        kept = {"places": self.places[order], "ratios": self.ratios[order]}
        return {"ids": self.ids, **kept, **self.sums.to_arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput, Incompatible
            When an array is missing or does not fit the others.
        """
        rest = dict(arrays)
        try:
            ids, places, ratios = (rest.pop(k) for k in ("ids", "places", "ratios"))
        except KeyError as error:
            raise InvalidInput(
                f"EvidenceTotals.from_arrays: no array {error}. Add the evidence again."
            ) from error
        sums = EvidenceSums.from_arrays(rest)
        if sums.n_groups != len(ids) or places.shape != (len(ratios), 3):
            raise Incompatible(
                f"EvidenceTotals.from_arrays: {len(ids)} cells for {sums.n_groups} "
                f"sums, places {places.shape} for {len(ratios)} rows. Add the evidence "
                "again."
            )
        return cls(ids, sums, places, ratios)

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)


def _numbered(cells: Ints) -> tuple[Ints, Ints]:
    """Cells that occur, sorted, and the place of each row's cell; -1 for none."""
    high = int(cells.max(initial=-1))
    if int(cells.min(initial=0)) >= -1 and high < _DENSE * len(cells) + 1024:
        used = np.zeros(high + 2, dtype=np.bool_)
        used[cells + 1] = True
        used[0] = False
        place = np.cumsum(used, dtype=np.int64) - 1
        place[0] = -1
        return np.flatnonzero(used) - 1, place[cells + 1]
    return touched_groups(cells)
