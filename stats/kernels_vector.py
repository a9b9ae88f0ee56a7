"""Instructions that compiled code needs and numba does not offer.

Scalars here, and of lanes (`stats.lanes`) what co-moments need beyond sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from stats.lanes import FLOATS, LANES

__all__ = [
    "bits",
    "fma",
    "from_bits",
    "greater",
    "least",
    "most",
    "smaller",
]

_DOUBLE, _WORD = ir.DoubleType(), ir.IntType(64)
_INDEX = ir.IntType(32)


def _instruction(typing: Callable[..., Any]) -> Any:
    """Make a function that compiled code calls, of what it is compiled to."""
    return intrinsic(typing)


@_instruction
def bits(_context, value):  # type: ignore[no-untyped-def]
    """Bit pattern of a float64 as an int64."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], _WORD)

    return types.int64(value), generate


@_instruction
def from_bits(_context, value):  # type: ignore[no-untyped-def]
    """Float64 with this bit pattern."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], _DOUBLE)

    return types.float64(value), generate


@_instruction
def fma(_context, x, y, z):  # type: ignore[no-untyped-def]
    """Return x * y + z, rounded once."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.fma(*args)

    return types.float64(x, y, z), generate


def _extreme(symbol: str) -> Any:
    """Make a choice between two float64, lane by lane."""

    @_instruction
    def act(_context, a, b):  # type: ignore[no-untyped-def]
        def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
            return builder.select(builder.fcmp_ordered(symbol, *args), *args)

        return FLOATS(a, b), generate

    return act


# The smaller (greater) of both, and b where a is NaN; which zero comes out is open.
smaller = _extreme("<")
greater = _extreme(">")


def _one_of(symbol: str) -> Any:
    """Make a reduction of eight float64 to the most extreme, none of them NaN."""

    @_instruction
    def act(_context, value):  # type: ignore[no-untyped-def]
        def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
            found = builder.extract_element(args[0], _INDEX(0))
            for lane in range(1, LANES):
                other = builder.extract_element(args[0], _INDEX(lane))
                closer = builder.fcmp_ordered(symbol, other, found)
                found = builder.select(closer, other, found)
            return found

        return types.float64(value), generate

    return act


least = _one_of("<")
most = _one_of(">")
