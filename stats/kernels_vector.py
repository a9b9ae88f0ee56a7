"""Vector instructions that numba's own vectoriser does not find, written as LLVM code.

`exact_block` is the inner loop of exact co-moments.  For |x|, |y| < 1 on the grid
2^-43 it keeps, per lane, a sum h that starts at 1.5 * 2^9 and a rest l that starts at
1.5 * 2^-35::

    n = fma(x, y, h);  l = l + fma(x, y, h - n);  h = n

Both stay in the binade in which they started, so h moves in whole units of 2^-43 and l
in whole units of 2^-87, nothing is rounded away, and the difference of two bit patterns
is the integer that was added.  A lane takes at most 256 rows.

Source: the error of a fused multiply-add, Boldo & Muller (2005); integer reading of the
bits as in `kernels_sum`.  Naive twin: tests/stats/test_kernels_vector.py.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = [
    "LANES",
    "LOW_UNIT",
    "UNIT",
    "bits",
    "exact_block",
    "float_block",
    "fma",
    "from_bits",
    "missing_word",
]

# Exponents of two of the units of h and of l.
UNIT, LOW_UNIT = -43, -87
# Rows handled by one instruction; integer sums do not depend on it.
LANES = 8 if llvm.get_host_cpu_features().get("avx512f") else 4
# Float sums do, so their lanes are the same on every machine.
_FLOAT_LANES = 8

_DOUBLE, _WORD, _BYTE = ir.DoubleType(), ir.IntType(64), ir.IntType(8)
_INFINITE = 0x7FF0000000000000
_SIZE = 0x7FFFFFFFFFFFFFFF


def _bits(_context, value):  # type: ignore[no-untyped-def]  # compiled
    """Bit pattern of a float64 as an int64."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], _WORD)

    return types.int64(value), generate


def _from_bits(_context, value):  # type: ignore[no-untyped-def]  # compiled
    """Float64 with this bit pattern."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], _DOUBLE)

    return types.float64(value), generate


def _fma(_context, x, y, z):  # type: ignore[no-untyped-def]  # compiled
    """Return x * y + z, rounded once."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        return builder.fma(*args)

    return types.float64(x, y, z), generate


def _missing_word(_context, address):  # type: ignore[no-untyped-def]  # compiled
    """One bit for each of 64 float64 at an address: is it infinite or NaN."""

    def generate(_context, builder, _signature, args):  # type: ignore[no-untyped-def]
        vector = ir.VectorType(_WORD, 8)
        at = builder.inttoptr(args[0], vector.as_pointer())
        size = ir.Constant(vector, [_SIZE] * 8)
        infinite = ir.Constant(vector, [_INFINITE] * 8)
        word = _WORD(0)
        for i in range(8):
            value = builder.load(builder.gep(at, [_WORD(i)]), align=8)
            size_of = builder.and_(value, size)
            flags = builder.icmp_unsigned(">=", size_of, infinite)
            byte = builder.zext(builder.bitcast(flags, _BYTE), _WORD)
            word = builder.or_(word, builder.shl(byte, _WORD(8 * i)))
        return word

    return types.uint64(address), generate


class _Block:
    """Products of two by two columns of a tile, accumulated in registers."""

    def __init__(self, builder: Any, lanes: int, starts: tuple[float, ...]) -> None:
        self.builder = builder
        self.vector = ir.VectorType(_DOUBLE, lanes)
        self.lanes = lanes
        self.starts = [ir.Constant(self.vector, [start] * lanes) for start in starts]
        self.fma = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(self.vector, [self.vector] * 3),
            f"llvm.fma.v{lanes}f64",
        )

    def columns(self, base: Any, stride: Any, first: Any) -> list[Any]:
        """Pointers to two neighbouring columns."""
        b = self.builder
        found = []
        for k in range(2):
            offset = b.mul(b.mul(b.add(first, _WORD(k)), stride), _WORD(8))
            found.append(b.inttoptr(b.add(base, offset), _DOUBLE.as_pointer()))
        return found

    def load(self, pointer: Any, at: Any) -> Any:
        b = self.builder
        there = b.bitcast(b.gep(pointer, [at]), self.vector.as_pointer())
        return b.load(there, align=8)

    def step(self, x: Any, y: Any, state: list[Any]) -> list[Any]:
        """One row per lane into the state of one pair: (h, l), or (h,) in floats."""
        b = self.builder
        high = b.call(self.fma, [x, y, state[0]])
        if len(state) == 1:
            return [high]
        rest = b.call(self.fma, [x, y, b.fsub(state[0], high)])
        return [high, b.fadd(state[1], rest)]

    def lanes_total(self, value: Any, k: int) -> Any:
        """Integers moved since the start, or the float sum of the lanes as bits."""
        b, exact = self.builder, len(self.starts) == 2
        word = ir.VectorType(_WORD, self.lanes)
        if exact:
            value = b.sub(b.bitcast(value, word), b.bitcast(self.starts[k], word))
        add = b.add if exact else b.fadd
        total = b.extract_element(value, ir.IntType(32)(0))
        for lane in range(1, self.lanes):
            total = add(total, b.extract_element(value, ir.IntType(32)(lane)))
        return total if exact else b.bitcast(total, _WORD)

    def run(self, base: Any, stride: Any, i: Any, j: Any, n: Any, out: Any) -> None:
        b, kinds = self.builder, len(self.starts)
        left, right = self.columns(base, stride, i), self.columns(base, stride, j)
        entry = b.block
        loop, done = b.append_basic_block("rows"), b.append_basic_block("rows.end")
        b.branch(loop)
        b.position_at_end(loop)
        at = b.phi(_WORD)
        states = [[b.phi(self.vector) for _ in range(kinds)] for _ in range(4)]
        x, y = ([self.load(p, at) for p in pair] for pair in (left, right))
        moved = [self.step(x[k // 2], y[k % 2], states[k]) for k in range(4)]
        following = b.add(at, _WORD(self.lanes))
        at.add_incoming(_WORD(0), entry)
        at.add_incoming(following, loop)
        for state, new in zip(states, moved, strict=True):
            for phi, start, value in zip(state, self.starts, new, strict=True):
                phi.add_incoming(start, entry)
                phi.add_incoming(value, loop)
        b.cbranch(b.icmp_signed("<", following, n), loop, done)
        b.position_at_end(done)
        target = b.inttoptr(out, _WORD.as_pointer())
        for p, new in enumerate(moved):
            for k, value in enumerate(new):
                place = b.gep(target, [_WORD(kinds * p + k)])
                b.store(self.lanes_total(value, k), place)


def _block(lanes: int, starts: tuple[float, ...]) -> Any:
    """Return an intrinsic (tile address, stride, i, j, rows, out address).

    Columns i, i+1 times columns j, j+1; `rows` is a multiple of 8.  `out` takes, for
    each of (i, j), (i, j+1), (i+1, j), (i+1, j+1), one word per start.
    """

    def signature(_context, base, stride, i, j, n, out):  # type: ignore[no-untyped-def]
        def generate(context, builder, _signature, args):  # type: ignore[no-untyped-def]
            _Block(builder, lanes, starts).run(*args)
            return context.get_dummy_value()

        return types.void(base, stride, i, j, n, out), generate

    return intrinsic(signature)


bits: Any = intrinsic(_bits)
from_bits: Any = intrinsic(_from_bits)
fma: Any = intrinsic(_fma)
missing_word: Any = intrinsic(_missing_word)
exact_block: Any = _block(LANES, (1.5 * 2.0**9, 1.5 * 2.0**-35))
float_block: Any = _block(_FLOAT_LANES, (0.0,))
