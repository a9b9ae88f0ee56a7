"""Sums of every dtype, byte order, stride and alignment; integers of any size."""

from fractions import Fraction
from math import fsum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats import exact_blocks, exact_dot
from stats.exact import ExactSum, exact_sum
from stats.exact_blocks import frozen, pieces
from stats.kernels_columns import add_columns, add_elements
from stats.kernels_dot import add_dot
from stats.kernels_sum import add_flat, add_rows
from tests.laws import same_bytes

_INTEGERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


@pytest.mark.parametrize("dtype", [*_INTEGERS, ">i8", ">u4", ">u8"])
def test_integers_of_any_size_are_summed_exactly(dtype):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(3)
    native = info.dtype.newbyteorder("=")
    x = rng.integers(info.min, info.max, (4000, 3), dtype=native, endpoint=True)
    x[:2000] = info.max
    x = x.astype(dtype)
    assert exact_sum(x) == float(sum(x.ravel().tolist()))
    expected = [float(sum(column)) for column in x.T.tolist()]
    for view in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        assert exact_sum(view, axis=0).tolist() == expected
    back = ExactSum.from_block(x).subtract(ExactSum.from_block(x[1:]))
    same_bytes(ExactSum.from_block(x[:1]), back)


def test_an_integer_beyond_2_to_the_53_loses_no_bit():
    odd = ExactSum.from_block([2**53 + 1])
    assert float(odd.subtract(ExactSum.from_block([2**53])).value()) == 1.0
    assert exact_sum(np.array([2**63 - 1, 2**63 - 1, -(2**63), 3])) == 2.0**63
    assert exact_sum(np.array([2**64 - 1, 1], dtype=np.uint64)) == 2.0**64
    assert exact_sum([2**53, 1]) == float(2**53 + 1)


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30),
    st.lists(st.integers(0, 2**64 - 1), max_size=30),
)
def test_any_integers(signed, unsigned):
    total = ExactSum().add(np.array(signed, dtype=np.int64))
    total = total.add(np.array(unsigned, dtype=np.uint64))
    assert float(total.value()) == float(Fraction(sum(signed) + sum(unsigned)))


def test_more_integers_than_one_piece(monkeypatch):
    monkeypatch.setattr(exact_blocks, "PIECE", 7)
    x = np.full((50, 2), -(2**63))
    assert exact_sum(x) == -100.0 * 2.0**63
    assert exact_sum(x, axis=0).tolist() == [-50.0 * 2.0**63] * 2


@pytest.mark.parametrize("dtype", ["f2", ">f2", "f4", ">f4", "f8", ">f8"])
def test_any_float_order_stride_and_alignment(dtype, monkeypatch):
    monkeypatch.setattr(exact_blocks, "PIECE", 64)
    x = np.random.default_rng(6).normal(size=(60, 40)).astype(dtype)
    raw = np.zeros(x.nbytes + 1, dtype=np.uint8)
    shifted = raw[1:].view(dtype).reshape(x.shape)
    shifted[:] = x
    assert not shifted.flags.aligned
    for view in (x, x[::2, ::3], x[::-1, ::-1], x.T, np.asfortranarray(x), shifted):
        assert exact_sum(view) == fsum(view.ravel())
        expected = [fsum(column) for column in view.T]
        assert exact_sum(view, axis=0).tolist() == expected
        assert exact_sum(view.T, axis=1).tolist() == expected
    assert exact_sum(x[3, 4]) == x[3, 4]
    assert exact_sum(np.broadcast_to(x[0], (5, 40))) == fsum(np.tile(x[0], 5))


def test_float16_and_float32_specials_are_counted():
    for dtype in ("f2", "f4"):
        x = np.array([np.inf, -np.inf, np.nan, np.nan, 1.0], dtype=dtype)
        assert ExactSum.from_block(x).special.tolist() == [[1, 1, 2]]


def test_contiguous_values_are_read_in_place_and_never_written():
    for dtype in (np.float64, np.float32):
        x = np.random.default_rng(1).normal(size=(80, 100)).astype(dtype)
        before = x.tobytes()
        for view in (x, x.T):
            (piece,) = pieces(view, dtype)
            assert np.shares_memory(piece, x)
            assert not piece.flags.writeable
        assert x.flags.writeable
        x.flags.writeable = False
        found = ExactSum.from_block(x)
        assert x.tobytes() == before
        assert float(found.value()) == fsum(x.ravel())


def test_strided_values_are_copied_a_piece_at_a_time():
    x = np.zeros(4 * exact_blocks.PIECE)[::2]
    sizes = [piece.size for piece in pieces(x, np.float64)]
    assert sizes == [exact_blocks.PIECE] * 2
    assert not np.shares_memory(frozen(x[:9], np.float64), x)


def test_nothing_is_compiled_after_the_warm_up():
    exact_blocks.warm()
    exact_dot.warm()
    kernels = (add_flat, add_rows, add_columns, add_elements, add_dot)
    before = [len(kernel.signatures) for kernel in kernels]
    assert before == [2] * 5
    x = np.ldexp(np.arange(-2400.0, 2400.0), np.arange(4800) % 1900 - 950)
    for array in (
        x,
        np.ones(4800, dtype="f4"),
        np.ones(4800, ">f2"),
        np.full(4800, np.inf),
    ):
        with np.errstate(invalid="ignore"):
            for width in (1, 3, 12, 600):
                rows = array.reshape(-1, width)
                for view in (rows, rows[::2], np.asfortranarray(rows), rows[:1]):
                    exact_sum(view)
                    exact_sum(view, axis=0)
                    exact_sum(view, axis=1)
            exact_dot.exact_dot(array, array[::-1])
            exact_dot.exact_dot(array, x)
    assert [len(kernel.signatures) for kernel in kernels] == before
