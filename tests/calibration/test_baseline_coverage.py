"""95 % intervals of baselines cover 94 to 96 % at every level and size.

10,000 runs a cell: two standard errors are .0044, so a cell may leave 94 to 96 % by
that much, or many cells would fail by chance.  Cells of few runs widen accordingly.
"""

import numpy as np
import pytest

from stats.clustered_spread import (
    clustered_correlation_interval,
    clustered_variance_interval,
)
from stats.hierarchy import Hierarchy
from stats.intervals import clustered_mean_interval, mean_interval, variance_interval
from stats.kurtosis import pooled_excess_kurtosis
from stats.moments import GroupMoments
from stats.quantiles import GroupQuantiles

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

RUNS = 10_000


def _covers(interval, truth):
    return float(((interval[0] <= truth) & (truth <= interval[1])).mean())


def _check(found, runs, *, slack=0.01):
    bound = slack + 2 * np.sqrt(0.95 * 0.05 / runs)
    assert abs(found - 0.95) <= bound, (found, bound)


def _draw(rng, law, shape):
    if law == "normal":
        return rng.standard_normal(shape)
    return rng.standard_t(8, shape) * np.sqrt(6.0 / 8.0)


@pytest.mark.parametrize("law", ["normal", "t8"])
@pytest.mark.parametrize("n", [5, 10, 30, 100, 1_000, 10_000, 100_000])
def test_mean_and_variance_of_independent_rows(n, law, record):
    """The kurtosis is pooled over the runs: groups of one law, as agents of a team."""
    rng = np.random.default_rng([n, len(law)])
    runs = RUNS if n <= 10_000 else 2_000
    parts = []
    for _ in range(max(1, runs * n // 2_000_000)):
        x = _draw(rng, law, (max(1, min(runs, 2_000_000 // n)), n))
        centred = x - x.mean(axis=1, keepdims=True)
        squares = centred * centred
        parts.append(
            (x.mean(axis=1), squares.sum(axis=1) / (n - 1), (squares**2).mean(axis=1))
        )
    mean, variance, fourth = (np.concatenate(part) for part in zip(*parts, strict=True))
    kurtosis = pooled_excess_kurtosis(n, variance, fourth)
    of_mean = _covers(mean_interval(n, mean, variance), 0.0)
    spread = variance_interval(n, variance, excess_kurtosis=kurtosis)
    of_variance, plain = (
        _covers(found, 1.0) for found in (spread, variance_interval(n, variance))
    )
    record(
        "mean_variance_uncorrected_kurtosis", [of_mean, of_variance, plain, kurtosis]
    )
    _check(of_mean, len(mean))
    _check(of_variance, len(mean))
    if law == "t8" and n >= 100:
        assert plain < 0.93


def _population(rng, law, nights=28, sites=2, teams=3, agents=12, rho=0.1):
    """Rows (nights, agents of all teams, 2): agents repeat, nights share a shock."""
    size = sites * teams * agents
    shock = 0.3 * rng.standard_normal((nights, 1, 2))
    own = np.sqrt(rho) * rng.standard_normal((1, size, 2))
    fresh = _draw(rng, law, (nights, size, 2))
    fresh[..., 1] = 0.6 * fresh[..., 0] + 0.8 * fresh[..., 1]
    return shock, own, fresh, np.arange(size) // agents


@pytest.mark.parametrize("law", ["normal", "t8"])
def test_every_level_through_the_roll_up(law, record):
    """Nights as clusters, agents' own effects given: team, site and all."""
    rng, runs = np.random.default_rng(len(law)), 600
    tree = Hierarchy(("team", "site", "all"), (np.arange(6) // 3, np.zeros(2, int)))
    hits = {name: [] for name in tree.levels}
    for _ in range(runs):
        shock, own, fresh, team = _population(rng, law)
        values = shock + own + fresh
        nights = [GroupMoments.from_block(night, team, 6) for night in values]
        for level in tree.levels:
            up = tree.parent("team", level)[team]
            hits[level].append(_levels(tree, level, nights, own[0], up))
    for level, found in hits.items():
        mean, variance, r = np.mean(found, axis=0)
        record(f"{level}_mean_variance_correlation", [mean, variance, r])
        for share in (mean, variance, r):
            _check(float(share), runs)


def _levels(tree, level, nights, own, up):
    rolled = [tree.rollup(night, to=level) for night in nights]
    n = np.stack([night.count for night in rolled])
    mean = np.stack([night.mean() for night in rolled])
    covariance = np.stack([night.covariance() for night in rolled])
    groups = n.shape[1]
    flat = np.tile(np.arange(groups), len(nights))
    rows, total = n[..., 0].ravel(), (n * mean)[..., 0].ravel()
    _, low, high = clustered_mean_interval(rows, total, flat, groups)
    means = np.stack([own[up == g].mean(axis=0) for g in range(groups)])
    effects = np.stack([np.cov(own[up == g].T, ddof=0) for g in range(groups)])
    truth = effects + 0.09 * np.eye(2) + np.array([[1.0, 0.6], [0.6, 1.0]])
    _, low_v, high_v = clustered_variance_interval(
        n, mean, np.einsum("tgii->tgi", covariance)
    )
    _, low_r, high_r = clustered_correlation_interval(n[..., 0], mean, covariance)
    r = truth[:, 0, 1] / np.sqrt(truth[:, 0, 0] * truth[:, 1, 1])
    variance = truth[:, 0, 0]
    return [
        ((low <= means[:, 0]) & (means[:, 0] <= high)).mean(),
        ((low_v[:, 0] <= variance) & (variance <= high_v[:, 0])).mean(),
        ((low_r[:, 0, 1] <= r) & (r <= high_r[:, 0, 1])).mean(),
    ]


@pytest.mark.parametrize("n", [20, 200, 5_000])
def test_quantile_intervals_cover_at_least_their_level(n, record):
    rng, groups = np.random.default_rng(n), 400
    runs = 4_000 if n < 1_000 else 400
    levels = np.array([0.05, 0.5, 0.95])
    truth = np.quantile(np.random.default_rng(0).exponential(size=4_000_000), levels)
    hits = []
    for _ in range(runs // groups):
        x = rng.exponential(size=(groups * n, 1))
        state = GroupQuantiles.from_block(x, np.repeat(np.arange(groups), n), groups)
        lower, upper = state.quantile_interval(levels)
        at = truth[:, None, None]
        hits.append(((lower <= at) & (at <= upper)).mean(axis=(1, 2)))
    found = np.mean(hits, axis=0)
    record("coverage", found.tolist())
    assert (found >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / runs)).all()
