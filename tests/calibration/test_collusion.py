"""How often cliques are found where there are none, and how well planted ones are."""

import numpy as np
import pytest

from stats.collusion import find_cliques

pytestmark = pytest.mark.slow

RUNS = 200


def independent(rng, n, steps, features, memory):
    """AR(1) agents with t(8) noise that features share the tails of."""
    noise = np.sqrt(0.6) * rng.standard_normal((n, steps, features))
    noise += np.sqrt(0.4) * rng.standard_normal((n, steps, 1))
    noise *= np.sqrt(6.0 / rng.chisquare(8, (n, steps, 1)))
    x = noise.copy()
    for t in range(1, steps):
        x[:, t] = memory * x[:, t - 1] + np.sqrt(1 - memory**2) * noise[:, t]
    return x


@pytest.mark.parametrize(
    ("n", "steps", "features", "memory"),
    [(300, 40, 1, 0.6), (300, 28, 8, 0.6), (600, 28, 4, 0.6), (300, 28, 8, 0.0)],
)
def test_independent_agents_form_a_clique_in_at_most_a_share_q_of_runs(
    n, steps, features, memory, record
):
    false, tail, candidates = 0, 0, 0
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        found = find_cliques(independent(rng, n, steps, features, memory), rng=rng)
        false += bool(found.found.any())
        tail += int((found.p < 0.01).sum())
        candidates += len(found.p)
    record("false", false / RUNS)
    record("share of p below .01", tail / candidates)
    assert candidates > 5 * RUNS
    assert false / RUNS <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / RUNS)
    assert tail / candidates <= 0.01 + 3 * np.sqrt(0.01 / candidates) + 0.003


@pytest.mark.parametrize("size", [5, 10, 20])
def test_planted_cliques_are_found_with_their_members(size, record):
    recall, precision = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = independent(rng, 2_000, 28, 8, 0.6)
        who = rng.choice(2_000, size, replace=False)
        common = independent(rng, 1, 28, 8, 0.6)
        x[who] = np.sqrt(0.4) * x[who] + np.sqrt(0.6) * common
        found = find_cliques(x, rng=rng)
        named = [found.of(k) for k in np.flatnonzero(found.found)]
        members = np.concatenate([np.zeros(0, int), *named])
        hits = len(np.intersect1d(members, who))
        recall.append(hits / size)
        precision.append(hits / max(len(members), 1))
    record("recall", float(np.mean(recall)))
    record("precision", float(np.mean(precision)))
    assert np.mean(recall) >= 0.9
    assert np.mean(precision) >= 0.9
