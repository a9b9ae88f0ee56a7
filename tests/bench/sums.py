"""Sums and dot products without rounding beside those in floating point."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numba as nb
import numpy as np
from numpy.typing import NDArray

from stats.exact import exact_sum
from stats.exact_dot import exact_dot
from tests.bench.options import Options
from tests.bench.peers import _one_blas_thread
from tests.bench.results import Comparison, Figure, Goal, Section
from tests.bench.timing import interleaved

Values = NDArray[np.generic]
Answer = float | NDArray[np.float64]

_LONG, _SHORT = 10_000_000, 20_000


@dataclass(frozen=True)
class Pair:
    """One kind of data, and who sums it.

    Attributes
    ----------
    name : str
    units : int
        Values.
    ours : callable
    peers : mapping of name to callable
        The first is the one of the goal.
    truth : callable
        The right answer, found without the code under test.
    goal : Goal, optional
        Of our time over that of the first peer.
    """

    name: str
    units: int
    ours: Callable[[], Answer]
    peers: dict[str, Callable[[], Answer]]
    truth: Callable[[], Answer]
    goal: Goal | None = None

    def errors(self) -> dict[str, float]:
        """Error of everyone, in units of the last place of the truth."""
        truth = np.asarray(self.truth())
        everyone = {"ours": self.ours, **self.peers}
        return {name: _ulps(call(), truth) for name, call in everyone.items()}


def pairs(quick: bool = False) -> Iterator[Pair]:
    """Make one kind of data after the other; each is gone before the next."""
    n = _SHORT if quick else _LONG
    for name, (make, goal) in DATA.items():
        yield _flat(name, make(np.random.default_rng(1), n), goal)
    for width in (8, 64, 256):
        yield _columns(width, n)
    yield _dot(n)


def measure(options: Options) -> Section:
    """Measure all, and how far everyone is from the truth."""
    with _one_blas_thread():
        return _measure(options)


def _measure(options: Options) -> Section:
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    for pair in pairs(options.quick):
        options.say(f"sums: {pair.name}")
        calls: dict[str, Callable[[], object]] = {"ours": pair.ours, **pair.peers}
        slow = {name: calls.pop(name) for name in list(calls) if name == "math.fsum"}
        seconds = interleaved(calls, options.rounds)
        for name, call in slow.items():
            once = interleaved({"ours": pair.ours, name: call}, min(options.rounds, 2))
            comparisons.append(_row(pair, name, once[name], once["ours"], None))
        first = next(iter(pair.peers))
        for name in seconds:
            if name != "ours":
                goal = pair.goal if name == first else None
                found = _row(pair, name, seconds[name], seconds["ours"], goal)
                comparisons.append(found)
        for name, error in pair.errors().items():
            goal = Goal(most=0) if name == "ours" else None
            figures.append(Figure(f"{pair.name}: {name}", error, "ulp", goal))
    return Section(
        "sums",
        "Exact sums",
        f"{_SHORT if options.quick else _LONG:,} values, one thread, in memory. Errors "
        "in units of the last place of the exact sum, which is rational or that of "
        "whole numbers.",
        tuple(comparisons),
        tuple(figures),
    )


def _row(
    pair: Pair,
    peer: str,
    theirs: tuple[float, ...],
    ours: tuple[float, ...],
    goal: Goal | None,
) -> Comparison:
    return Comparison(
        pair.name, "exact", peer, ours, theirs, pair.units, "value", goal=goal
    )


def _cancelling(rng: np.random.Generator, n: int) -> Values:
    large = np.repeat(1e16 * rng.choice([-1.0, 1.0], n // 4), 2)
    large[1::2] *= -1
    return rng.permutation(np.concatenate([large, rng.normal(size=n - large.size)]))


def _specials(rng: np.random.Generator, n: int) -> Values:
    x = rng.normal(size=n)
    x[:: max(n // 1000, 1)] = np.inf
    return x


def _gaps(rng: np.random.Generator, n: int) -> Values:
    x = rng.normal(size=n)
    x[::3] = np.nan
    return x


_LIKE = Goal(most=1.3)
_WIDE = Goal(most=5)

# How every kind of data is made, and the bound on our time beside `numpy.sum`.
DATA: dict[str, tuple[Callable[[np.random.Generator, int], Values], Goal | None]] = {
    "normal": (lambda rng, n: rng.normal(size=n), _LIKE),
    "log-likelihoods": (lambda rng, n: np.log(rng.random(n)), _LIKE),
    "float32 values as float64": (
        lambda rng, n: rng.normal(size=n).astype(np.float32).astype(np.float64),
        _LIKE,
    ),
    "native float32": (
        lambda rng, n: rng.normal(size=n).astype(np.float32),
        Goal(most=1.0),
    ),
    "±1e16 that cancels": (_cancelling, _WIDE),
    "denormal": (lambda rng, n: rng.integers(-(2**40), 2**40, n) * 5e-324, _WIDE),
    "one in 10,000 infinite": (_specials, _WIDE),
    "a third NaN": (_gaps, _WIDE),
    "lognormal, sigma 3": (lambda rng, n: np.exp(3 * rng.normal(size=n)), _WIDE),
    "lognormal, sigma 10": (lambda rng, n: np.exp(10 * rng.normal(size=n)), _WIDE),
    "Poisson": (lambda rng, n: rng.poisson(3, n).astype(np.float64), _LIKE),
    "2^U(−300, 300)": (
        lambda rng, n: np.ldexp(rng.random(n) + 1, rng.integers(-300, 300, n)),
        _WIDE,
    ),
    "2^U(−1000, 1000)": (
        lambda rng, n: np.ldexp(rng.normal(size=n), rng.integers(-1000, 1000, n)),
        _WIDE,
    ),
    "int64": (lambda rng, n: rng.integers(-(2**62), 2**62, n), None),
    "big-endian float64": (lambda rng, n: rng.normal(size=n).astype(">f8"), None),
    "every second float64": (lambda rng, n: rng.normal(size=2 * n)[::2], None),
    "float16": (lambda rng, n: rng.normal(size=n).astype(np.float16), None),
}


def _flat(name: str, x: Values, goal: Goal | None) -> Pair:
    peers: dict[str, Callable[[], Answer]] = {
        "numpy.sum": lambda: float(x.sum(dtype=np.float64))
    }
    if x.dtype in (np.float64, np.float32):
        peers["Neumaier in numba"] = lambda: float(neumaier(x))
    if x.dtype.kind == "f" and np.isfinite(x).all():
        peers["math.fsum"] = lambda: math.fsum(x.tolist())
    return Pair(name, x.size, lambda: exact_sum(x), peers, lambda: _truth(x), goal)


def _columns(width: int, n: int) -> Pair:
    x = np.random.default_rng(1).normal(size=(n // width, width))
    return Pair(
        f"axis 0 of (n, {width})",
        x.size,
        lambda: exact_sum(x, axis=0),
        {"numpy.sum": lambda: x.sum(axis=0)},
        lambda: np.array([math.fsum(column) for column in x.T]),
        Goal(most=2.5),
    )


def _dot(n: int) -> Pair:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=n), rng.normal(size=n)
    return Pair(
        "dot product",
        n,
        lambda: exact_dot(x, y),
        {"numpy.dot": lambda: float(np.dot(x, y))},
        lambda: _dot_truth(x, y),
        Goal(most=2.5),
    )


def _truth(x: Values) -> float:
    """Sum of whole numbers on the grid of the smallest, rounded once."""
    if x.dtype.kind != "f":
        high, low = x >> 32, x & 0xFFFFFFFF
        return float((int(high.sum()) << 32) + int(low.sum()))
    if not np.isfinite(x).all():
        return float(x[~np.isfinite(x)].sum())
    return math.fsum(x.tolist())


def _dot_truth(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Products of halves of 26 bits are float64; `math.fsum` rounds once."""
    a, b = _halves(x), _halves(y)
    return math.fsum(np.concatenate([u * v for u in a for v in b]))


def _halves(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scaled = x * (2.0**27 + 1)
    high = scaled - (scaled - x)
    return high, x - high


def _ulps(found: Answer, truth: NDArray[np.float64]) -> float:
    """Largest error over the cells; zero where both are the same special value."""
    worst = 0.0
    for value, right in zip(np.ravel(found), truth.ravel(), strict=True):
        same = value == right or (math.isnan(value) and math.isnan(right))
        if same:
            continue
        if not (math.isfinite(value) and math.isfinite(right)):
            return math.inf
        off = abs(Fraction(float(value)) - Fraction(float(right)))
        worst = max(worst, float(off / Fraction(math.ulp(right))))
    return worst


@nb.njit(cache=True, nogil=True)
def neumaier(x: Values) -> float:
    """Compensated sum (Neumaier 1974)."""
    total = compensation = 0.0
    for i in range(x.size):
        value = np.float64(x[i])
        t = total + value
        if abs(total) >= abs(value):
            compensation += (total - t) + value
        else:
            compensation += (value - t) + total
        total = t
    return total + compensation
