"""Exact sums against rationals and `math.fsum`, and what breaks other sums."""

import math
from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats.exact import ExactSum, exact_sum
from stats.summary import Incompatible, InvalidInput, merge_all, unpack
from tests.laws import check_laws, same_bytes
from tests.strategies import COLUMNS, columns

_MAX = float(np.finfo(np.float64).max)
_TINY = 5e-324
_RNG = np.random.default_rng(11)

# One array per class of input that is known to break a way of summing.
CLASSES: dict[str, NDArray[np.float64]] = {
    "nothing": np.zeros(0),
    "one": np.array([0.1]),
    "two": np.array([0.1, 0.2]),
    "normal": _RNG.normal(size=5000),
    "uniform": _RNG.random(5000),
    "offset 1e8": _RNG.normal(1e8, 1, 5000),
    "offset 1e9, integers": _RNG.integers(-4, 5, 5000) / 8 + 1e9,
    "log likelihoods": np.log(_RNG.random(5000)),
    "lognormal": np.exp(_RNG.normal(0, 10, 5000)),
    "counts": _RNG.poisson(3, 5000).astype(float),
    "all exponents": np.ldexp(_RNG.normal(size=5000), _RNG.integers(-1000, 1000, 5000)),
    "exponents of 2^±300": np.ldexp(_RNG.random(5000), _RNG.integers(-300, 301, 5000)),
    "±1e16 cancels": np.concatenate([np.tile([1e16, -1e16], 1000), np.full(7, 1.0)]),
    "denormals": _RNG.integers(-(2**40), 2**40, 5000) * _TINY,
    "denormals and normals": np.append(_RNG.normal(size=999) * 1e-306, _TINY),
    "largest cancels": np.array([_MAX, _MAX, -_MAX, -_MAX, 1.0]),
    "largest": np.array([_MAX, -1.0]),
    "1 + 2^-1074": np.array([1.0, _TINY]),
    "half an ulp and a trace": np.array([1.0, 2.0**-53, _TINY]),
    "half an ulp, to even": np.array([1.0, 2.0**-53]),
    "half an ulp less a trace": np.array([1.0, 2.0**-53, -_TINY]),
    "smallest normal": np.array([2.0**-1022, -_TINY]),
    "harmonic": 1 / np.arange(1, 5001),
    "alternating": (-1.0) ** np.arange(5000) / np.arange(1, 5001),
    "constant": np.full(4099, 0.1),
    "powers": 2.0 ** np.arange(-1074, 1023),
    "float32": _RNG.normal(size=5000).astype(np.float32).astype(np.float64),
}


def rational_sum(x: NDArray[np.float64]) -> float:
    """Naive twin: add fractions and round once, or follow IEEE for the specials."""
    if not np.isfinite(x).all():
        return sum(v for v in x.tolist() if not math.isfinite(v))
    total = sum((Fraction(v) for v in x.tolist()), Fraction())
    try:
        return float(total)
    except OverflowError:
        return inf if total > 0 else -inf


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_input_is_rounded_once(name):
    x = CLASSES[name]
    expected = rational_sum(x)
    np.testing.assert_equal(exact_sum(x), expected)
    np.testing.assert_equal(exact_sum(x[::-1]), expected)
    if name != "largest cancels":  # a partial sum of `math.fsum` overflows there
        assert expected == math.fsum(x)


@given(st.integers(0, 40).flatmap(lambda n: columns(n, tuple(COLUMNS))))
def test_any_values_are_rounded_once(drawn):
    x = np.array(drawn)
    np.testing.assert_equal(exact_sum(x), rational_sum(x))


def test_rounding_once_is_what_other_sums_miss():
    x = CLASSES["±1e16 cancels"]
    shuffled = np.random.default_rng(0).permutation(x)
    assert exact_sum(shuffled) == 7.0
    assert np.sum(shuffled) != 7.0


cells = st.integers(1, 3)
blocks = cells.flatmap(
    lambda n: st.tuples(
        *[
            st.sampled_from([0, 1, 5]).flatmap(
                lambda rows: st.lists(
                    columns(n, tuple(COLUMNS)), min_size=rows, max_size=rows
                ).map(lambda drawn: np.array(drawn, dtype=float).reshape(-1, n))
            )
        ]
        * 3
    )
)


def test_laws():
    check_laws(
        blocks,
        lambda x: ExactSum.from_block(x, x.shape[1:]),
        lambda x, y: np.concatenate([x, y]),
        ExactSum.from_arrays,
    )


def _random_plan(rng, x, single):
    """Sum of all values in a random order: a block, and the rest by random merges."""
    order = rng.permutation(len(x))
    cuts = np.sort(rng.integers(0, len(x) + 1, int(rng.integers(0, 4))))
    parts = [ExactSum.from_block(x[part]) for part in np.split(order, cuts)[:-1]]
    loose = order[cuts[-1] if len(cuts) else 0 :]
    parts += [single[i] for i in loose]
    while len(parts) > 1:
        at = int(rng.integers(0, len(parts) - 1))
        n = int(rng.integers(2, 9))
        parts[at : at + n] = [merge_all(parts[at : at + n])]
    return parts[0]


@pytest.mark.parametrize("plans", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_any_chunks_order_and_merge_tree_give_one_digest(plans):
    rng = np.random.default_rng(5)
    x = np.ldexp(rng.normal(size=64), rng.integers(-40, 40, 64))
    x[7], x[9] = inf, 5e-324
    single = [ExactSum.from_block(v) for v in x]
    expected = ExactSum.from_block(x).digest()
    assert {_random_plan(rng, x, single).digest() for _ in range(plans)} == {expected}


def test_axis_sums_along_that_axis():
    x = np.random.default_rng(2).normal(size=(3, 4, 5))
    for axis in (0, 1, 2, -1):
        expected = np.apply_along_axis(rational_sum, axis, x)
        np.testing.assert_array_equal(exact_sum(x, axis=axis), expected)
    assert exact_sum(np.zeros((0, 3)), axis=0).tolist() == [0.0] * 3
    assert exact_sum(np.zeros((3, 0)), axis=0).shape == (0,)
    with pytest.raises(InvalidInput, match="axis 3 of an array of 3 axes"):
        exact_sum(x, axis=3)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([inf, 1.0], inf),
        ([-inf, _MAX, _MAX], -inf),
        ([inf, -inf], nan),
        ([nan, inf], nan),
        ([_MAX, _MAX], inf),
        ([-_MAX, -_MAX], -inf),
        ([_MAX, 2.0**969], _MAX),
        ([_MAX, 2.0**970], inf),
    ],
)
def test_infinity_nan_and_overflow_follow_ieee(values, expected):
    np.testing.assert_equal(exact_sum(values), expected)


def test_a_sum_of_negative_zeros_is_positive_zero():
    assert math.copysign(1.0, exact_sum([-0.0, -0.0])) == 1.0


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", ">f4", ">f8", "i2", "u4", ">i8", "?"]
)
def test_any_dtype_order_and_stride(dtype):
    x = (np.arange(60).reshape(6, 10) % 2).astype(dtype)
    for view in (x, x[::2, ::3], x[::-1, ::-1], x.T, np.asfortranarray(x)):
        assert exact_sum(view) == int((view != 0).sum())
        assert exact_sum(view, axis=0).tolist() == (view != 0).sum(axis=0).tolist()


def test_what_has_no_exact_sum_is_refused():
    with pytest.raises(InvalidInput, match="dtype"):
        exact_sum(["a"])
    with pytest.raises(InvalidInput, match="dtype"):
        exact_sum(np.zeros(0, dtype=np.longdouble))
    with pytest.raises(InvalidInput, match=r"do not end in \(3,\)"):
        ExactSum((3,)).add(np.zeros((2, 2)))


def test_adding_changes_nothing_that_was_there():
    one = ExactSum.from_block([1.0, inf])
    before = one.to_bytes()
    one.add([2.0, nan, -inf])
    assert one.to_bytes() == before
    kind, version, arrays = unpack(before)
    assert (kind, version) == ("ExactSum", 1)
    same_bytes(one, ExactSum.from_arrays(arrays))


def test_subtraction_leaves_no_trace():
    kept, gone = ExactSum.from_block([0.1, 0.2]), ExactSum.from_block([1e300, inf, nan])
    assert kept.merge(gone).subtract(gone).digest() == kept.digest()
    with pytest.raises(Incompatible, match="Subtract only what was merged"):
        kept.subtract(gone)
    with pytest.raises(Incompatible, match=r"shapes differ: \(\) and \(2,\)"):
        kept.merge(ExactSum((2,)))
    arrays = kept.to_arrays()
    del arrays["special"]
    with pytest.raises(InvalidInput, match="no array 'special'"):
        ExactSum.from_arrays(arrays)


def test_state_of_ordinary_data_is_small():
    normal = ExactSum.from_block(CLASSES["normal"])
    assert normal.limbs.words.shape[1] <= 4
    assert repr(ExactSum.from_block([1.0, 2.0])) == "ExactSum: shape=() | value=3.0"
