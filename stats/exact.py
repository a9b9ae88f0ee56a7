"""Sums that are right to the last bit, whatever the order and the grouping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.exact_blocks import check_dtype, sum_cells
from stats.exact_packed import pack_sum, unpack_sum
from stats.limbs import SUM_UNIT, Limbs
from stats.rounding import ratio
from stats.summary import Incompatible, InvalidInput, digest, pack

__all__ = ["ExactSum", "exact_sum"]


@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)
class ExactSum:
    """Exact sum per cell of an array of cells.

    Attributes
    ----------
    shape : tuple of int
        Shape of the cells; () is one sum.
    limbs : Limbs, prod(shape) cells
        Sums of the finite values.
    special : int64 array, shape (prod(shape), 3)
        How many values were +inf, -inf and NaN.

    Notes
    -----
    Adding is integer addition: any order, chunks and merge tree give the same bytes,
    and `subtract` takes out what was added without a trace.  NaN is a value here, not
    a gap: a sum with NaN, or with both infinities, is NaN.  A sum of -0.0 is +0.0.
    Source: Kulisch, Advanced Arithmetic for the Digital Computer (2002), chapter 1.
    Naive twin: tests/stats/test_exact.py.

    Examples
    --------
    >>> float(ExactSum().add(np.array([1e16, 1.0, -1e16])).value())
    1.0
    """

    shape: tuple[int, ...]
    limbs: Limbs
    special: NDArray[np.int64]

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    def __init__(
        self,
        shape: tuple[int, ...] = (),
        limbs: Limbs | None = None,
        special: NDArray[np.int64] | None = None,
    ) -> None:
        cells = int(np.prod(shape, dtype=np.int64))
        counters = np.zeros((cells, 3), dtype=np.int64) if special is None else special
        object.__setattr__(self, "shape", tuple(shape))
        object.__setattr__(
            self, "limbs", Limbs.zeros(cells) if limbs is None else limbs
        )
        object.__setattr__(self, "special", counters)

    @classmethod
    def from_block(cls, x: ArrayLike, shape: tuple[int, ...] = ()) -> Self:
        """Sum a block; `x` has shape ``(..., *shape)``."""
        return cls(shape).add(x)

    def __repr__(self) -> str:
        return f"ExactSum: shape={self.shape} | value={self.value()}"

    def add(self, x: ArrayLike) -> Self:
        """Return the sum with more values; this one does not change.

        Parameters
        ----------
        x : float or integer array, shape ``(..., *shape)``
            Leading axes are summed.

        Raises
        ------
        InvalidInput
            When trailing axes differ from `shape`, or the dtype has no exact sum here.
        """
        values = np.asarray(x)
        lead = values.ndim - len(self.shape)
        if lead < 0 or values.shape[lead:] != self.shape:
            raise InvalidInput(
                f"ExactSum.add: values {values.shape} do not end in {self.shape}. "
                "Give one value per cell along the last axes."
            )
        check_dtype(values, "ExactSum.add")
        if not values.size:
            return self
        special = self.special.copy()
        block = sum_cells(values, self.limbs.cells, special)
        return type(self)(self.shape, Limbs.add([self.limbs, block]), special)

    def value(self) -> NDArray[np.float64]:
        """Correctly rounded sums, shape `shape`; too large is infinite."""
        unit = SUM_UNIT + 32 * self.limbs.base
        out = np.array([ratio(value, 1, unit) for value in self.limbs.integers()])
        plus, minus, nan = (self.special > 0).T
        out[plus] = np.inf
        out[minus] = -np.inf
        out[nan | (plus & minus)] = np.nan
        return out.astype(np.float64).reshape(self.shape)

    def empty(self) -> Self:
        """Nothing added; same shape."""
        return type(self)(self.shape)

    def merge(self, other: Self) -> Self:
        """Add up both; neither changes.

        Raises
        ------
        Incompatible
            When shapes differ.
        """
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        for item in many[1:]:
            many[0]._fits(item, "merge")
        return cls(
            many[0].shape,
            Limbs.add([item.limbs for item in many]),
            np.sum([item.special for item in many], axis=0),
        )

    def subtract(self, other: Self) -> Self:
        """Take `other`, which was merged before, out again.

        Raises
        ------
        Incompatible
            When shapes differ, or `other` holds infinities or NaN that are not here.
        """
        self._fits(other, "subtract")
        special = self.special - other.special
        if (special < 0).any():
            raise Incompatible(
                f"ExactSum.subtract: the other sum holds {int(other.special.sum())} "
                f"infinities and NaN, this one {int(self.special.sum())}. "
                "Subtract only what was merged before."
            )
        limbs = Limbs.add([self.limbs, other.limbs], (1, -1))
        return type(self)(self.shape, limbs, special)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Canonical state; equal sums give equal arrays."""
        return {
            "shape": np.array(self.shape, dtype=np.int64),
            "special": self.special,
            **self.limbs.to_arrays("limbs"),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When an array is missing.
        """
        try:
            shape = tuple(int(size) for size in arrays["shape"])
            return cls(shape, Limbs.from_arrays("limbs", arrays), arrays["special"])
        except KeyError as error:
            raise InvalidInput(
                f"ExactSum.from_arrays: no array {error}. Compute the sum again."
            ) from error

    def to_bytes(self) -> bytes:
        """Canonical bytes; `unpack` and `from_arrays` restore the sum."""
        return pack(self.to_arrays(), kind="ExactSum", version=self.state_version)

    def packed(self) -> bytes:
        """Return the shortest canonical bytes of one sum, at most 16 as a rule.

        Raises
        ------
        InvalidInput
            For a sum of several cells; those have `to_bytes`.
        """
        if self.shape != ():
            raise InvalidInput(
                f"ExactSum.packed: shape {self.shape}, expected (). "
                "Use to_bytes for sums of several cells."
            )
        value = self.limbs.integers()[0] << (32 * self.limbs.base)
        return pack_sum(value, self.special[0].tolist())

    @classmethod
    def from_packed(cls, data: bytes) -> Self:
        """Restore what `packed` gave.

        Raises
        ------
        InvalidInput
            For other bytes.
        """
        value, counters = unpack_sum(data)
        limbs = Limbs.canonical(_limbs(value), 0)
        return cls((), limbs, np.array([counters], dtype=np.int64))

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, hexadecimal."""
        return digest(self)

    def _fits(self, other: Self, verb: str) -> None:
        if self.shape != other.shape:
            raise Incompatible(
                f"ExactSum.{verb}: shapes differ: {self.shape} and {other.shape}. "
                "Build both with the same shape."
            )


def _limbs(value: int) -> NDArray[np.int64]:
    """Limbs of 32 bits of one integer, shape (1, K); the last one keeps the sign."""
    words = value.bit_length() // 32 + 1
    data = value.to_bytes(4 * words, "little", signed=True)
    limbs = np.frombuffer(data, dtype="<u4").astype(np.int64)
    limbs[-1] -= (limbs[-1] >> 31) << 32
    return limbs[np.newaxis]


@overload
def exact_sum(x: ArrayLike, axis: None = None) -> float: ...
@overload
def exact_sum(x: ArrayLike, axis: int) -> NDArray[np.float64]: ...
def exact_sum(x: ArrayLike, axis: int | None = None) -> float | NDArray[np.float64]:
    """Sum correctly rounded, like an infinitely precise `numpy.sum`.

    Parameters
    ----------
    x : float or integer array
    axis : int, optional
        Axis to sum over; all by default.

    Returns
    -------
    float, or float64 array without `axis`
        NaN where a value is NaN or both infinities occur.

    Raises
    ------
    InvalidInput
        For an axis that `x` does not have, or a dtype that has no exact sum here.

    Examples
    --------
    >>> exact_sum([1e16, 1.0, -1e16])
    1.0
    """
    values = np.asarray(x)
    if axis is None:
        return float(ExactSum.from_block(values).value())
    if not -values.ndim <= axis < values.ndim:
        raise InvalidInput(
            f"exact_sum: axis {axis} of an array of {values.ndim} axes. "
            "Give an axis that exists."
        )
    moved = np.moveaxis(values, axis, 0)
    return ExactSum.from_block(moved, moved.shape[1:]).value()
