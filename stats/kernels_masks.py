"""Instructions for columns with gaps: words of bits, and a row across columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from stats.lanes import FLOATS, LANES

__all__ = ["count_bits", "lanes_set", "load_across", "lowest_bit", "shared_bits"]

_WORD = ir.IntType(64)


def _instruction(typing: Callable[..., Any]) -> Any:
    """Make a function that compiled code calls, of what it is compiled to."""
    return intrinsic(typing)


def _call(builder: Any, result: Any, name: str, value: Any) -> Any:
    """Call an intrinsic of LLVM."""
    kind = ir.FunctionType(result, [value.type])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [value])


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


@_instruction
def shared_bits(_context, words, _one, _two):  # type: ignore[no-untyped-def]
    """How many bits are set in words[one : one + 8] and words[two : two + 8], int64."""

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        wide = ir.VectorType(_WORD, LANES)
        proxy = cgutils.create_struct_proxy(words)(context, builder, value=args[0])
        found = []
        for start in args[1:]:
            at = builder.bitcast(builder.gep(proxy.data, [start]), wide.as_pointer())
            found.append(builder.load(at, align=8))
        both = builder.and_(*found)
        counts = _call(builder, wide, f"llvm.ctpop.v{LANES}i64", both)
        return _call(builder, _WORD, f"llvm.vector.reduce.add.v{LANES}i64", counts)

    return types.int64(words, types.intp, types.intp), generate


@_instruction
def load_across(_context, array, _index, _stride):  # type: ignore[no-untyped-def]
    """Lanes array[index], array[index + stride], ... of float64; no bounds checked."""

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        proxy = cgutils.create_struct_proxy(array)(context, builder, value=args[0])
        at, found = args[1], ir.Constant(context.get_value_type(FLOATS), ir.Undefined)
        for lane in range(LANES):
            value = builder.load(builder.gep(proxy.data, [at]))
            found = builder.insert_element(found, value, ir.IntType(32)(lane))
            at = builder.add(at, args[2])
        return found

    return FLOATS(array, types.intp, types.intp), generate
