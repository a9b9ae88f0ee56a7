"""The oracle of the checks is itself held to rational arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from storage.schema import ShardKey, ShardRow, Version
from tasks.oracle import cluster_interval, oracle_moments, plain_winners


def test_moments_equal_rational_arithmetic():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(30, 2)) * [1e-9, 1e12]
    values[4, 0] = values[9, 1] = np.nan
    found = oracle_moments(values)
    for j in range(2):
        x = [Fraction(v) for v in values[:, j] if not math.isnan(v)]
        mean = sum(x) / len(x)
        assert found.n[j] == 29
        assert found.mean[j] == float(mean)
        spread = sum((v - mean) ** 2 for v in x) / (len(x) - 1)
        assert found.variance[j] == float(spread)
    both = [(Fraction(a), Fraction(b)) for a, b in values if not math.isnan(a + b)]
    n = len(both)
    top = n * sum(a * b for a, b in both) - sum(a for a, _ in both) * sum(
        b for _, b in both
    )
    assert found.covariance[0][1] == float(top / (n * (n - 1)))


def test_too_few_rows_have_no_spread_and_none_no_mean():
    one = oracle_moments(np.array([[2.0, np.nan]]))
    assert one.mean[0] == 2.0
    assert math.isnan(one.variance[0])
    assert math.isnan(one.mean[1])
    assert math.isnan(one.minimum[1])


def test_cluster_interval_of_a_case_worked_by_hand():
    # Clusters {1, 3} and {5}: mean 3, residual sums -2 and 2, so the scatter is
    # 8 * 2 / 1 = 16, its root 4, over n = 3.
    mean, lower, upper = cluster_interval([("a", 1.0), ("a", 3.0), ("b", 5.0)], 2.0)
    assert mean == 3.0
    assert math.isclose(upper - mean, 2.0 * 4.0 / 3.0)
    assert math.isclose(mean - lower, upper - mean)
    alone = cluster_interval([("a", 1.0)], 2.0)
    assert alone[0] == 1.0
    assert math.isnan(alone[1])


def row(seq: int, sha: str) -> ShardRow:
    return ShardRow(
        key=ShardKey("d", "s", "2026-01-01", "0"),
        version=Version(0, seq),
        sha256=sha * 64,
        kind="data",
        n=1,
        observed=(1,),
        agents=1,
        event_end=0,
        ingested_at=0,
        issuer="site",
        schema=1,
        chunk_count=1,
        path="",
    )


def test_the_highest_version_wins_and_two_contents_there_count_for_nothing():
    first, second = row(1, "a"), row(2, "b")
    assert plain_winners([first, second]) == {first.key: second}
    assert plain_winners([second, first]) == {first.key: second}
    assert plain_winners([first, second, replace(second, sha256="c" * 64)]) == {}
