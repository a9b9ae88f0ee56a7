"""Exact integer sums of many cells: an array of 32-bit limbs on an absolute grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.kernels import carry, scatter_rows

__all__ = ["PRODUCT_UNIT", "SUM_UNIT", "Limbs"]

# Exponent of two of bit 0 of grid limb 0, for sums and for sums of products.
SUM_UNIT = -1074
PRODUCT_UNIT = -2148

_HALF = 1 << 31


@dataclass(frozen=True, slots=True)
class Limbs:
    """One exact integer per cell, in canonical form.

    Attributes
    ----------
    limbs : int64 array, shape (cells, K)
        The value of a cell is Σ limbs[k] * 2^(32 (base + k)) in units of the grid.
        All limbs but the last are in [0, 2^32), the last is in [-2^31, 2^31).
    base : int
        Grid index of the first limb, shared by all cells.

    Notes
    -----
    The window is the tightest that holds every cell, so equal values have equal bytes
    whatever the history of additions was.  All zero means K = 0 and base = 0.
    """

    limbs: NDArray[np.int64]
    base: int

    @classmethod
    def canonical(cls, limbs: NDArray[np.int64], base: int) -> Limbs:
        """Carry and trim; `limbs` is used up.

        Parameters
        ----------
        limbs : int64 array, shape (cells, K)
            Any values below 2^62 in size.
        base : int
        """
        if limbs.size == 0 or not limbs.any():
            return cls(np.zeros((limbs.shape[0], 0), dtype=np.int64), 0)
        wide = np.concatenate(
            [limbs, np.zeros((limbs.shape[0], 2), dtype=np.int64)], axis=1
        )
        carry(wide)
        while wide.shape[1] > 1:
            folded = wide[:, -2] + (wide[:, -1] << 32)
            small = (wide[:, -1] >= -1) & (wide[:, -1] <= 0)
            if not (small & (folded >= -_HALF) & (folded < _HALF)).all():
                break
            wide[:, -2] = folded
            wide = wide[:, :-1]
        used = np.flatnonzero(wide.any(axis=0))
        first = int(used[0]) if len(used) else wide.shape[1]
        if first == wide.shape[1]:
            return cls(np.zeros((limbs.shape[0], 0), dtype=np.int64), 0)
        return cls(np.ascontiguousarray(wide[:, first:]), base + first)

    @classmethod
    def zeros(cls, cells: int) -> Limbs:
        """All cells zero."""
        return cls(np.zeros((cells, 0), dtype=np.int64), 0)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(self.limbs.shape[0])

    @staticmethod
    def add(items: Sequence[Limbs], signs: Sequence[int] | None = None) -> Limbs:
        """Add many arrays cell by cell; `signs` of -1 subtract."""
        wanted = [item for item in items if item.limbs.shape[1]]
        if not wanted:
            return Limbs.zeros(items[0].cells)
        base = min(item.base for item in wanted)
        k = max(item.base + item.limbs.shape[1] for item in wanted) - base
        total = np.zeros((items[0].cells, k), dtype=np.int64)
        for i, item in enumerate(items):
            at, width = item.base - base, item.limbs.shape[1]
            if not width:
                continue
            if signs is not None and signs[i] < 0:
                total[:, at : at + width] -= item.limbs
            else:
                total[:, at : at + width] += item.limbs
        return Limbs.canonical(total, base)

    def rollup(self, parent: NDArray[np.int64], n_parents: int, inner: int) -> Limbs:
        """Add up groups of `inner` cells each; a parent of -1 drops the group."""
        k = self.limbs.shape[1]
        out = np.zeros((n_parents, inner * k), dtype=np.int64)
        if k and len(parent):
            scatter_rows(out, parent, self.limbs.reshape(len(parent), inner * k))
        return Limbs.canonical(out.reshape(n_parents * inner, k), self.base)

    def take(self, index: NDArray[np.int64], inner: int) -> Limbs:
        """Return groups of `inner` cells at `index`."""
        k = self.limbs.shape[1]
        if not inner or not k:
            return Limbs.zeros(len(index) * inner)
        groups = self.limbs.reshape(self.cells // inner, inner, k)[index]
        return Limbs.canonical(groups.reshape(len(index) * inner, k), self.base)

    def integers(self) -> list[int]:
        """Value of every cell in units of 2^(32 base) of the grid."""
        k = self.limbs.shape[1]
        if k == 0:
            return [0] * self.cells
        low = np.ascontiguousarray(self.limbs[:, :-1].astype("<u4"))
        data, width = low.tobytes(), 4 * (k - 1)
        top = self.limbs[:, -1].tolist()
        return [
            (top[c] << (8 * width))
            | int.from_bytes(data[c * width : (c + 1) * width], "little")
            for c in range(self.cells)
        ]

    def to_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Canonical arrays: 32-bit words in two's complement, and the base."""
        words = (self.limbs & 0xFFFFFFFF).astype(np.uint32)
        return {name: words, f"{name}_base": np.array(self.base, dtype=np.int64)}

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]]) -> Limbs:
        """Restore what `to_arrays` gave."""
        limbs = arrays[name].astype(np.int64)
        if limbs.shape[1]:
            top = limbs[:, -1]
            limbs[:, -1] = np.where(top >= _HALF, top - (1 << 32), top)
        return cls(limbs, int(arrays[f"{name}_base"]))
