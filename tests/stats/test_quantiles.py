"""Counts in relative bins: the laws, the guaranteed error, equal bytes for any plan."""

from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats.quantile_results import bin_values
from stats.quantiles import GroupQuantiles
from tests.laws import check_laws
from tests.strategies import Block, block_triples, join_blocks, values

_SHARES = np.array([0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0])
_LARGEST = float(np.finfo(np.float64).max)


def build(block: Block) -> GroupQuantiles:
    return GroupQuantiles.from_block(block.values, block.groups, block.n_groups)


def one_group(x: NDArray[np.float64], *, error: float = 0.005) -> GroupQuantiles:
    groups = np.zeros(len(x), dtype=np.int64)
    return GroupQuantiles.from_block(x[:, None], groups, 1, relative_error=error)


def rounded(x: float, m: int) -> Fraction:
    """|x| with m bits after the leading one, ties away from zero, in rationals."""
    exact = abs(Fraction(x))
    unit = Fraction(1)
    while exact >= unit * 2 ** (m + 1):
        unit *= 2
    while exact < unit * 2**m:
        unit /= 2
    return Fraction((exact / unit + Fraction(1, 2)).__floor__()) * unit


def test_laws():
    check_laws(block_triples(), build, join_blocks, GroupQuantiles.from_arrays)


@given(st.data())
def test_every_value_is_counted_at_its_rounded_number(data):
    x = data.draw(values(5, 1))[:, 0]
    m = data.draw(st.sampled_from([4, 7, 13]))
    q = one_group(x, error=max(1e-4, 1.0 / (2 ** (m + 1) + 1)))
    assert q.mantissa_bits == m
    expected: dict[float, int] = {}
    for value in x[~np.isnan(x)].tolist():
        number = value
        if value != 0 and abs(value) != inf:
            number = float(min(rounded(value, m), Fraction(_LARGEST)))
            number = -number if value < 0 else number
        expected[number + 0.0] = expected.get(number + 0.0, 0) + 1
    numbers = bin_values(q.bins, m).tolist()
    assert numbers == sorted(expected)
    assert q.counts.tolist() == [expected[number] for number in numbers]


_MANY = 20_000


def distributions() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(20)
    half = rng.uniform(0.5, 1.0, _MANY)
    edges = 1.0 + (2 * rng.integers(0, 128, _MANY) + 1) / 256
    return {
        "normal": rng.normal(size=_MANY),
        "lognormal": np.exp(3.0 * rng.normal(size=_MANY)),
        "uniform": rng.uniform(size=_MANY),
        "negative": -rng.gamma(0.3, size=_MANY),
        "mixed sign": 3.0 + rng.normal(size=_MANY),
        "Cauchy": rng.standard_cauchy(_MANY),
        "integers": rng.poisson(40.0, _MANY).astype(np.float64),
        "large integers": rng.integers(-(2**53), 2**53, _MANY).astype(np.float64),
        "constant": np.full(_MANY, 0.1),
        "zeros": np.where(rng.random(_MANY) < 0.7, 0.0, rng.normal(size=_MANY)),
        "denormal": rng.integers(-(2**52), 2**52, _MANY) * 5e-324,
        "small denormal": rng.integers(-3000, 3000, _MANY) * 5e-324,
        "float32 denormal": rng.integers(-(2**23), 2**23, _MANY) * 2.0**-149,
        "every exponent": np.ldexp(half, rng.integers(-1074, 1025, _MANY)),
        "largest": _LARGEST * rng.uniform(0.98, 1.0, _MANY),
        "bin edges": np.nextafter(edges, 2.0 * rng.integers(0, 2, _MANY)),
        "infinite": np.where(half < 0.6, -np.inf, np.where(half < 0.7, inf, half)),
    }


DISTRIBUTIONS = distributions()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_quantiles_are_within_the_stated_error(name, dtype):
    with np.errstate(over="ignore", under="ignore"):
        x = DISTRIBUTIONS[name].astype(dtype)
    expected = np.quantile(x, _SHARES, method="inverted_cdf").tolist()
    for error in (0.05, 0.005, 1e-4):
        q = one_group(x, error=error)
        bound = Fraction(1, 2 ** (q.mantissa_bits + 1) + 1)
        assert bound <= error
        assert q.quantile_error == float(bound)
        actual = q.quantile(_SHARES)[:, 0, 0].tolist()
        for one, two in zip(expected, actual, strict=True):
            if abs(one) == inf:
                assert two == one
            else:
                off = abs(Fraction(two) - Fraction(one))
                assert off <= bound * abs(Fraction(one))


def test_the_stated_error_is_reached():
    q = one_group(np.array([1.0 + 2.0**-8]))
    found = Fraction(float(q.quantile(0.5)[0, 0]))
    value = Fraction(1.0 + 2.0**-8)
    assert (found - value) / value == Fraction(1, 257)
