"""Packed sums: short, and equal exactly when the sums are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.exact import ExactSum
from stats.exact_packed import pack_sum, unpack_sum
from stats.summary import InvalidInput, merge_all
from tests.laws import same_bytes

_INTEGERS = st.integers(-(2**2200), 2**2200) | st.builds(
    lambda m, s: m << s, st.integers(-300, 300), st.integers(0, 2200)
)
_COUNTERS = st.lists(
    st.integers(0, 3) | st.integers(0, 2**63 - 1), min_size=3, max_size=3
)


def test_a_sum_of_ordinary_numbers_takes_at_most_16_bytes():
    rng = np.random.default_rng(1)
    x = rng.normal(size=1_000_000)
    for values in (
        x,
        x.astype(np.float32),
        np.log(rng.random(10**6)),
        rng.poisson(3, 9),
    ):
        assert len(ExactSum.from_block(values).packed()) <= 16
    assert ExactSum().packed() == b"\x00\x00"
    wide = np.ldexp(x[:5000], rng.integers(-300, 301, 5000))
    assert len(ExactSum.from_block(wide).packed()) < 100


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "000001"),
        (-1, "0000ff"),
        (127, "00007f"),
        (128, "00008000"),
        (-128, "000080"),
        (-129, "00007fff"),
        (256, "010001"),
        (-256, "0100ff"),
        (0x8000, "01008000"),
        (1 << 2200, "130101"),
    ],
)
def test_known_bytes(value, expected):
    assert pack_sum(value, [0, 0, 0]).hex() == expected
    counted = pack_sum(value, [1, 0, 2])
    assert counted[:2] == (
        int.from_bytes(bytes.fromhex(expected[:4]), "little") | 0x8000
    ).to_bytes(2, "little")
    assert counted[2:26].hex() == "01" + "00" * 15 + "02" + "00" * 7
    assert counted[26:].hex() == expected[4:]


@given(_INTEGERS, _COUNTERS, _INTEGERS, _COUNTERS)
def test_equal_bytes_are_equal_sums(a, ca, b, cb):
    assert unpack_sum(pack_sum(a, ca)) == (a, ca)
    assert (pack_sum(a, ca) == pack_sum(b, cb)) == ((a, ca) == (b, cb))


@given(st.binary(max_size=40))
def test_any_bytes_are_canonical_or_refused(data):
    try:
        value, counters = unpack_sum(data)
    except InvalidInput:
        return
    assert pack_sum(value, counters) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x00\x00\x00",
        b"\x00\x00\x01\x00",
        b"\x01\x00",
        b"\x00\x80" + bytes(24),
    ],
)
def test_bytes_that_are_no_shortest_form_are_refused(data):
    with pytest.raises(InvalidInput, match="are not a packed sum"):
        ExactSum.from_packed(data)


def test_several_cells_have_no_packed_form():
    with pytest.raises(InvalidInput, match=r"shape \(2,\), expected \(\)"):
        ExactSum((2,)).packed()


@given(st.integers(0, 2**32))
def test_any_history_gives_one_packing(seed):
    """Blocks, merges, a subtraction and a checkpoint leave no trace in the bytes."""
    rng = np.random.default_rng(seed)
    x = np.ldexp(rng.normal(size=40), rng.integers(-1060, 960, 40) // (1 + seed % 50))
    x[:3] = [math.inf, math.nan, -5e-324]
    expected = ExactSum.from_block(x).packed()
    parts = np.split(rng.permutation(x), np.sort(rng.integers(0, 41, 3)))
    extra = ExactSum.from_block(rng.normal(size=9) * 2.0 ** rng.integers(-900, 900))
    whole = merge_all([extra, *(ExactSum.from_block(part) for part in parts)])
    whole = ExactSum.from_packed(whole.packed()).subtract(extra)
    assert whole.packed() == expected
    same_bytes(ExactSum.from_block(x), ExactSum.from_packed(expected))
    other = ExactSum.from_block(x).add(5e-324)
    assert other.packed() != expected
