"""How far covariances are from the exact ones where the mean is far above the sd."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from stats.moments import GroupMoments
from stats.summary import merge_all
from tests.bench.options import Options
from tests.bench.results import Figure, Goal, Section

Block = NDArray[np.float64]
_BLOCKS = 64
_FEATURES = 4


def measure(options: Options) -> Section:
    """Compute every way at two distances of the mean from zero."""
    n = 3_200 if options.quick else 32_000
    figures: list[Figure] = []
    for power in (4, 8):
        options.say(f"accuracy: mean / sd = 1e{power}")
        figures += _at(n, power, Goal(most=1e-12))
    return Section(
        "accuracy",
        "Accuracy of covariance",
        f"{n:,} rows of {_FEATURES} correlated float64 features in {_BLOCKS} blocks, "
        "one team each, merged to 8 sites and to all. Errors against rational "
        "arithmetic on the same stored numbers: of covariances the largest over all "
        "pairs, relative to both standard deviations.",
        figures=tuple(figures),
    )


def _at(n: int, power: int, goal: Goal) -> list[Figure]:
    rows = sample(n, 10.0**power)
    blocks = np.split(rows, _BLOCKS)
    truth = exact_covariance(rows)
    figures = []
    for name, way in WAYS.items():
        found = way(blocks)
        ours = goal if name == "ours" else None
        where = f"mean / sd = 1e{power}"
        figures.append(
            Figure(
                f"covariance, {name}",
                covariance_error(found, truth),
                goal=ours,
                note=where,
            )
        )
        figures.append(
            Figure(f"sd of all, {name}", sd_error(found, truth), goal=ours, note=where)
        )
    return figures


def sample(n: int, distance: float) -> Block:
    """Return rows with sd about 1 and means about `distance`."""
    rng = np.random.default_rng(20130308)
    mixing = np.tril(rng.uniform(0.2, 1, (_FEATURES, _FEATURES)))
    mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)
    means = distance * rng.uniform(1, 2, _FEATURES)
    rows: Block = rng.standard_normal((n, _FEATURES)) @ mixing.T + means
    return rows


def exact_covariance(rows: Block) -> list[list[Fraction]]:
    """Covariance in integers on the finest grid of the data."""
    ratios = [[value.as_integer_ratio() for value in row] for row in rows.T.tolist()]
    unit = max(bottom for column in ratios for _, bottom in column)
    columns = [[top * (unit // bottom) for top, bottom in column] for column in ratios]
    n = len(rows)
    sums = [sum(column) for column in columns]
    return [
        [
            Fraction(
                n * sum(x * y for x, y in zip(a, b, strict=True)) - s * t,
                n * (n - 1) * unit * unit,
            )
            for b, t in zip(columns, sums, strict=True)
        ]
        for a, s in zip(columns, sums, strict=True)
    ]


def covariance_error(found: Block, truth: list[list[Fraction]]) -> float:
    """Largest error relative to both standard deviations."""
    d = len(truth)
    return max(
        float(
            abs(Fraction(float(found[i, j])) - truth[i][j])
            / _root(truth[i][i] * truth[j][j])
        )
        for i in range(d)
        for j in range(d)
    )


def sd_error(found: Block, truth: list[list[Fraction]]) -> float:
    """Largest relative error of a standard deviation; 1 where the variance is < 0."""
    errors = []
    for i, row in enumerate(truth):
        sd = _root(row[i])
        own = Fraction(float(np.sqrt(max(found[i, i], 0.0))))
        errors.append(float(abs(own - sd) / sd))
    return max(errors)


def _root(value: Fraction) -> Fraction:
    """Square root to 40 digits."""
    scale = 10**40
    return Fraction(isqrt(value.numerator * scale**2 // value.denominator), scale)


def ours(blocks: list[Block]) -> Block:
    """Teams from blocks, rolled up to sites and to all."""
    teams = merge_all(
        GroupMoments.from_block(block, np.full(len(block), team), len(blocks))
        for team, block in enumerate(blocks)
    )
    sites = teams.rollup(np.arange(len(blocks)) % 8, 8)
    everything = sites.rollup(np.zeros(8, dtype=np.int64), 1)
    return everything.covariance()[0]


def textbook(blocks: list[Block]) -> Block:
    """Sums of products minus the product of sums."""
    n = sum(map(len, blocks))
    sums = sum(block.sum(axis=0) for block in blocks)
    products = sum(block.T @ block for block in blocks)
    return (products - np.outer(sums, sums) / n) / (n - 1)


def welford(blocks: list[Block]) -> Block:
    """One row after the other."""
    n, mean = 0, np.zeros(_FEATURES)
    m2 = np.zeros((_FEATURES, _FEATURES))
    for row in np.concatenate(blocks):
        n += 1
        delta = row - mean
        mean = mean + delta / n
        m2 += np.outer(delta, row - mean)
    return m2 / (n - 1)


def chan(blocks: list[Block]) -> Block:
    """Two passes over each block, blocks merged to sites and to all."""
    teams = [_of_block(block) for block in blocks]
    sites = [_merged(teams[site::8]) for site in range(8)]
    n, _, m2 = _merged(sites)
    return m2 / (n - 1)


def numpy(blocks: list[Block]) -> Block:
    """All rows at once in two passes."""
    return np.cov(np.concatenate(blocks), rowvar=False)


def _of_block(block: Block) -> tuple[int, Block, Block]:
    mean = block.mean(axis=0)
    apart = block - mean
    return len(block), mean, apart.T @ apart


def _merged(states: list[tuple[int, Block, Block]]) -> tuple[int, Block, Block]:
    n, mean, m2 = states[0]
    for other_n, other_mean, other_m2 in states[1:]:
        delta, total = other_mean - mean, n + other_n
        m2 = m2 + other_m2 + np.outer(delta, delta) * n * other_n / total
        mean = mean + delta * other_n / total
        n = total
    return n, mean, m2


WAYS: dict[str, Callable[[list[Block]], Block]] = {
    "ours": ours,
    "textbook (Σxy − ΣxΣy/n)": textbook,
    "Welford, row by row": welford,
    "Chan, block by block": chan,
    "numpy.cov of all rows in memory": numpy,
}
