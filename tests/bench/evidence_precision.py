"""Errors of sums of evidence against rational arithmetic, with ±1e16 cancelling."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stats.evidence import EvidenceSums
from tests.bench.results import Figure, Goal

__all__ = ["WAYS", "measure", "mixed", "rational"]

Floats = NDArray[np.float64]


def mixed(n: int) -> Floats:
    """Ratios of which every third is 1e16 or its opposite, so that they cancel."""
    rng = np.random.default_rng(n)
    ratio = rng.normal(0.05, 1.0, n)
    pairs = n // 6
    ratio[: 2 * pairs] = np.repeat([1e16, -1e16], pairs)
    return rng.permutation(ratio)


def rational(values: Floats) -> Fraction:
    """Sum without any rounding: whole multiples of the smallest unit of float64."""
    mantissa, exponent = np.frexp(values)
    whole = (mantissa * 2.0**53).astype(np.int64).tolist()
    shifts = (exponent.astype(np.int64) + 1100).tolist()
    total = sum(m << s for m, s in zip(whole, shifts, strict=True))
    return Fraction(total, 2 ** (1100 + 53))


def _kahan(values: Floats) -> float:
    total = lost = 0.0
    for value in values.tolist():
        term = value - lost
        new = total + term
        lost = (new - total) - term
        total = new
    return total


def _exact(values: Floats) -> float:
    at = np.zeros(len(values), np.int64)
    return float(EvidenceSums.from_block(values, 1.0, at, 1).log_ratio()[0, 0])


WAYS: dict[str, Callable[[Floats], float]] = {
    "exact sums": _exact,
    "numpy.sum, pairwise": lambda x: float(x.sum()),
    "numpy.bincount, row by row": lambda x: float(
        np.bincount(np.zeros(len(x), np.int64), x)[0]
    ),
    "Kahan": _kahan,
    "numpy.sum of float32": lambda x: float(x.astype(np.float32).sum()),
}


def measure(quick: bool) -> list[Figure]:
    """Absolute error of every way, for ordinary and for cancelling ratios."""
    figures = []
    for n in (1_000,) if quick else (1_000, 100_000, 1_000_000):
        plain = np.random.default_rng(n).normal(0.05, 1.0, n)
        for what, values in (("", plain), (", ±1e16 cancelling", mixed(n))):
            truth = rational(values)
            for name, way in WAYS.items():
                error = float(abs(Fraction(way(values)) - truth))
                # One rounding: at most half a unit in the last place of the sum.
                most = float(np.spacing(abs(float(truth)))) / 2
                goal = Goal(most=most) if way is _exact else None
                figures.append(
                    Figure(
                        f"error of log-odds, {n:,} rows{what}: {name}", error, "", goal
                    )
                )
    return figures
