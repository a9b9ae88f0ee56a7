"""Bits of a word in compiled code: one for each lane, how many are set, the lowest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from stats.lanes import LANES

__all__ = ["count_bits", "lanes_set", "lowest_bit"]

_WORD = ir.IntType(64)


def _instruction(typing: Callable[..., Any]) -> Any:
    """Make a function that compiled code calls, of what it is compiled to."""
    return intrinsic(typing)


@_instruction
def lanes_set(_context, value):  # type: ignore[no-untyped-def]
    """One bit for each lane of int64 that is negative."""

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        zero = ir.Constant(context.get_value_type(value), None)
        flags = builder.icmp_signed("<", args[0], zero)
        return builder.zext(builder.bitcast(flags, ir.IntType(LANES)), _WORD)

    return types.uint64(value), generate


@_instruction
def count_bits(_context, word):  # type: ignore[no-untyped-def]
    """How many bits of a uint64 are set, as an int64."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.ctpop(args[0])

    return types.int64(word), generate


@_instruction
def lowest_bit(_context, word):  # type: ignore[no-untyped-def]
    """Position of the lowest set bit of a uint64 that is not zero."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.uint64(word), generate
