"""Exact integer sums of many cells: an array of 32-bit limbs on an absolute grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.exact_input import readable, writable
from stats.kernels import carry, join_words, roll_words, scatter_rows, window

__all__ = ["PRODUCT_UNIT", "SUM_UNIT", "Limbs", "join_counts"]

# Exponent of two of bit 0 of grid limb 0, for sums and for sums of products.
SUM_UNIT = -1074
PRODUCT_UNIT = -2148


@dataclass(frozen=True, slots=True)
class Limbs:
    """One exact integer per cell, in canonical form.

    Attributes
    ----------
    words : uint32 array, shape (cells, K)
        The value of a cell in two's complement, lowest word first, in units of
        2^(32 base) of the grid.
    base : int
        Grid index of the first word, shared by all cells.

    Notes
    -----
    The window is the tightest that holds every cell, so equal values have equal bytes
    whatever the history of additions was.  All zero means K = 0 and base = 0.  Sums of
    float32 features of like scale need 3 words, their products 5 to 6: 24 bytes a cell.
    """

    words: NDArray[np.uint32]
    base: int

    @classmethod
    def canonical(cls, limbs: NDArray[np.int64], base: int) -> Limbs:
        """Carry and trim.

        Parameters
        ----------
        limbs : int64 array, shape (cells, K)
            Any values below 2^62 in size; limb k counts 2^(32 (base + k)).
        base : int
        """
        cells, k = limbs.shape
        words = np.empty((cells, k + 2), dtype=np.uint32)
        first, last = carry(limbs, words)
        if first >= last:
            return cls.zeros(cells)
        return cls(np.ascontiguousarray(words[:, first:last]), base + first)

    @classmethod
    def zeros(cls, cells: int) -> Limbs:
        """All cells zero."""
        return cls(np.zeros((cells, 0), dtype=np.uint32), 0)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(self.words.shape[0])

    @staticmethod
    def add(items: Sequence[Limbs], signs: Sequence[int] | None = None) -> Limbs:
        """Add many arrays cell by cell; `signs` of -1 subtract."""
        cells = items[0].cells
        place = np.arange(cells, dtype=np.int64)
        return Limbs.join(items, [place] * len(items), cells, 1, signs)

    @staticmethod
    def join(
        items: Sequence[Limbs],
        parents: Sequence[NDArray[np.int64]],
        n_parents: int,
        inner: int,
        signs: Sequence[int] | None = None,
    ) -> Limbs:
        """Add groups of `inner` cells: group i of item k goes to ``parents[k][i]``.

        A parent of -1 drops the group; `signs` of -1 subtract an item.
        """
        wanted = [i for i, item in enumerate(items) if item.words.size]
        if not wanted or not n_parents:
            return Limbs.zeros(n_parents * inner)
        if len(items) == 1 and signs is None and 4 * n_parents < len(parents[0]):
            return items[0]._rolled(parents[0], n_parents, inner)
        base = min(items[i].base for i in wanted)
        k = max(items[i].base + items[i].words.shape[1] for i in wanted) - base
        while True:
            words = np.zeros((n_parents * inner, k), dtype=np.uint32)
            filled = np.zeros(n_parents, dtype=np.bool_)
            fits = [
                join_words(
                    words, filled, parents[i], items[i].words, inner,
                    items[i].base - base, signs is not None and signs[i] < 0,
                )
                for i in wanted
            ]  # fmt: skip
            if all(fits):
                return Limbs._trimmed(words, base)
            k += 1

    @classmethod
    def _trimmed(cls, words: NDArray[np.uint32], base: int) -> Limbs:
        """Cut words to the tightest window."""
        first, last = window(words)
        if first >= last:
            return cls.zeros(len(words))
        return cls(np.ascontiguousarray(words[:, first:last]), base + first)

    def rollup(self, parent: NDArray[np.int64], n_parents: int, inner: int) -> Limbs:
        """Add up groups of `inner` cells each; a parent of -1 drops the group."""
        return Limbs.join([self], [parent], n_parents, inner)

    def _rolled(self, parent: NDArray[np.int64], n_parents: int, inner: int) -> Limbs:
        """Add many groups to few: 64-bit sums carry once, at the end."""
        k = self.words.shape[1]
        total = np.zeros((n_parents, inner * k), dtype=np.int64)
        roll_words(total, parent, self.words.reshape(len(parent), inner * k), inner)
        return Limbs.canonical(total.reshape(n_parents * inner, k), self.base)

    def take(self, index: NDArray[np.int64], inner: int) -> Limbs:
        """Return groups of `inner` cells at `index`."""
        k = self.words.shape[1]
        if not inner or not k:
            return Limbs.zeros(len(index) * inner)
        groups = self.words.reshape(self.cells // inner, inner, k)[index]
        return Limbs._trimmed(groups.reshape(len(index) * inner, k), self.base)

    def integers(self) -> list[int]:
        """Value of every cell in units of 2^(32 base) of the grid."""
        width = 4 * self.words.shape[1]
        data = self.words.astype("<u4", copy=False).tobytes()
        return [
            int.from_bytes(data[at : at + width], "little", signed=True)
            for at in range(0, width * self.cells, width or 1)
        ] or [0] * self.cells

    def to_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Canonical arrays: 32-bit words in two's complement, and the base."""
        return {name: self.words, f"{name}_base": np.array(self.base, dtype=np.int64)}

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]]) -> Limbs:
        """Restore what `to_arrays` gave."""
        words = readable(arrays[name], np.uint32)
        return cls(words, int(arrays[f"{name}_base"]))


def join_counts(
    arrays: Sequence[NDArray[np.int64]],
    parents: Sequence[NDArray[np.int64]],
    n_groups: int,
) -> NDArray[np.int64]:
    """Add up counters of groups, as `Limbs.join` does sums."""
    out = np.zeros((n_groups, *arrays[0].shape[1:]), dtype=np.int64)
    flat = out.reshape(n_groups, -1) if n_groups else out.reshape(0, 0)
    for array, parent in zip(arrays, parents, strict=True):
        if array.size and n_groups:
            rows = np.ascontiguousarray(array).reshape(len(array), -1)
            scatter_rows(flat, parent, writable(rows, np.int64))
    return out
