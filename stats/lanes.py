"""Eight numbers at a time inside compiled code, for loops the compiler does not find.

A value of type `Lanes` is an LLVM vector of eight float64 or int64.  It lives in
registers, inside one compiled function only: 512 bits wide where the processor has
them, split by LLVM where it does not, with the same bits everywhere.  Operators act
lane by lane; integers wrap.  Nothing here may be compiled with fast-math.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numba as nb
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

__all__ = [
    "LANES",
    "bits",
    "fused",
    "larger",
    "less",
    "load",
    "prefetch",
    "splat",
    "store",
    "total",
    "union",
    "value_at",
]

LANES = 8
_VALUE = {nb.float64: ir.DoubleType(), nb.int64: ir.IntType(64)}


class Lanes(types.Type):
    """Eight values of one dtype."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


FLOATS = Lanes(nb.float64)
INTEGERS = Lanes(nb.int64)


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        vector = ir.VectorType(_VALUE[lanes.dtype], LANES)
        super().__init__(manager, lanes, vector)  # type: ignore[no-untyped-call]  # numba has no types


def _instruction(typing: Callable[..., Any]) -> Any:
    """Make a function that compiled code calls, of what it is compiled to."""
    return intrinsic(typing)


def _pointer(
    context: Any, builder: Any, array_type: Any, array: Any, index: Any
) -> Any:
    """Address of array[index]; no bounds are checked."""
    data = cgutils.create_struct_proxy(array_type)(context, builder, value=array).data
    return builder.gep(data, [index])


def _call(builder: Any, result: Any, name: str, args: Any) -> Any:
    """Call an intrinsic of LLVM."""
    kind = ir.FunctionType(result, [arg.type for arg in args])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, args)


_OPERATORS = {
    operator.add: ("fadd", "add"),
    operator.sub: ("fsub", "sub"),
    operator.mul: ("fmul", "mul"),
    operator.and_: (None, "and_"),
    operator.or_: (None, "or_"),
    operator.xor: (None, "xor"),
    operator.rshift: (None, "ashr"),
}


def _define(symbol: Any, instruction: str, lanes: Lanes) -> None:
    """Make an operator of two Lanes one LLVM instruction."""

    @infer_global(symbol)
    class _Typing(ConcreteTemplate):
        cases = (signature(lanes, lanes, lanes),)

    @lower_builtin(symbol, lanes, lanes)
    def _lower(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return getattr(builder, instruction)(*args)


for _symbol, (_of_floats, _of_integers) in _OPERATORS.items():
    if _of_floats is not None:
        _define(_symbol, _of_floats, FLOATS)
    _define(_symbol, _of_integers, INTEGERS)


@_instruction
def value_at(_context, array, _index):  # type: ignore[no-untyped-def]
    """array[index] as float64; no bounds are checked, no index counts from the end."""

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        value = builder.load(_pointer(context, builder, array, *args))
        if array.dtype == nb.float32:
            value = builder.fpext(value, ir.DoubleType())
        return value

    return nb.float64(array, nb.intp), generate


@_instruction
def load(_context, array, _index):  # type: ignore[no-untyped-def]
    """array[index : index + 8] as float64 or int64; no bounds are checked."""
    result = INTEGERS if array.dtype == nb.int64 else FLOATS

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        element = context.get_value_type(array.dtype)
        wide = ir.VectorType(element, LANES)
        at = _pointer(context, builder, array, *args)
        at = builder.bitcast(at, wide.as_pointer())
        value = builder.load(at, align=array.dtype.bitwidth // 8)
        if array.dtype == nb.float32:
            value = builder.fpext(value, context.get_value_type(FLOATS))
        return value

    return result(array, nb.intp), generate


@_instruction
def store(_context, array, _index, value):  # type: ignore[no-untyped-def]
    """array[index : index + 8] = value; no bounds are checked."""

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        at = _pointer(context, builder, array, args[0], args[1])
        at = builder.bitcast(at, context.get_value_type(value).as_pointer())
        builder.store(args[2], at, align=8)
        return context.get_dummy_value()

    return nb.void(array, nb.intp, value), generate


@_instruction
def splat(_context, value):  # type: ignore[no-untyped-def]
    """Eight times the same float64 or int64."""
    result = FLOATS if value == nb.float64 else INTEGERS

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        wide = context.get_value_type(result)
        zero = ir.Constant(ir.IntType(32), 0)
        one = builder.insert_element(ir.Constant(wide, ir.Undefined), args[0], zero)
        mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), mask)

    return result(result.dtype), generate


@_instruction
def bits(_context, value):  # type: ignore[no-untyped-def]
    """Same 64 bits: of float64 as int64, of int64 as float64."""
    result = INTEGERS if value is FLOATS else FLOATS

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], context.get_value_type(result))

    return result(value), generate


@_instruction
def fused(_context, a, b, c):  # type: ignore[no-untyped-def]
    """Lanes a * b + c, rounded once."""

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        wide = context.get_value_type(FLOATS)
        return _call(builder, wide, f"llvm.fma.v{LANES}f64", args)

    return FLOATS(a, b, c), generate


@_instruction
def larger(_context, a, b):  # type: ignore[no-untyped-def]
    """The larger of two int64, lane by lane."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.select(builder.icmp_signed(">", *args), *args)

    return INTEGERS(a, b), generate


@_instruction
def less(_context, a, b):  # type: ignore[no-untyped-def]
    """All 64 bits set where the int64 a is less than b, none elsewhere."""

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        flags = builder.icmp_signed("<", *args)
        return builder.sext(flags, context.get_value_type(INTEGERS))

    return INTEGERS(a, b), generate


def _reduction(name: str) -> Any:
    """Make a reduction of eight int64 to one."""

    @_instruction
    def act(_context, _value):  # type: ignore[no-untyped-def]
        def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
            full = f"llvm.vector.reduce.{name}.v{LANES}i64"
            return _call(builder, ir.IntType(64), full, args)

        return nb.int64(INTEGERS), generate

    return act


total = _reduction("add")
union = _reduction("or")


@_instruction
def prefetch(_context, array, _index):  # type: ignore[no-untyped-def]
    """Ask for the cache line of array[index], which may lie outside the array."""

    def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
        at = _pointer(context, builder, array, *args)
        word = ir.IntType(32)
        where = builder.bitcast(at, ir.IntType(8).as_pointer())
        how = [ir.Constant(word, k) for k in (0, 3, 1)]  # to read, all caches, data
        _call(builder, ir.VoidType(), "llvm.prefetch.p0", [where, *how])
        return context.get_dummy_value()

    return nb.void(array, nb.intp), generate
