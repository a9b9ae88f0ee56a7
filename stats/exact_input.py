"""Numbers as compiled code wants them: float64 without loss, contiguous, writable."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from stats.summary import InvalidInput

__all__ = ["as_float64", "readable", "writable"]

_EXACT_INTEGERS = 1 << 53


def as_float64(values: NDArray[Any], where: str) -> NDArray[np.float64]:
    """Return values as contiguous float64 in native byte order, every bit kept.

    Parameters
    ----------
    values : array of float16, float32, float64, bool or integers up to 2^53
        Any byte order and strides.
    where : str
        Start of the error text.

    Raises
    ------
    InvalidInput
        For a dtype or an integer that float64 does not hold exactly.
    """
    if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8:
        raise InvalidInput(
            f"{where}: dtype {values.dtype} does not fit float64. "
            "Give float64, float32 or integers up to 2^53."
        )
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8 and values.size:
        largest = max(-int(values.min()), int(values.max()))
        if largest > _EXACT_INTEGERS:
            raise InvalidInput(
                f"{where}: the integer {largest} is above 2^53 and would lose bits. "
                "Scale it, or split it into two features."
            )
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        return writable(values, np.float64)


def writable(values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return values as a contiguous array that may be written to.

    Read-only arrays are another type for the compiler, which would compile for
    seconds in the middle of a night; copying them takes microseconds.
    """
    return np.require(values, dtype=dtype, requirements=["C", "W"])


class _Unlocked:
    """The memory of an array without its read-only flag."""

    def __init__(self, values: NDArray[Any]) -> None:
        interface = values.__array_interface__
        address, _ = interface["data"]
        self.__array_interface__ = {**interface, "data": (address, False)}
        self.values = values


def readable(values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return values as a contiguous array for compiled code that only reads it.

    As `writable`, but a read-only array is not copied: a decoded chunk costs as much
    to copy as to sum.
    """
    found = np.require(values, dtype=dtype, requirements=["C"])
    return found if found.flags.writeable else np.asarray(_Unlocked(found))
