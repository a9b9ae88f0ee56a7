"""Who does not speak for himself, and that agreeing about the truth is no collusion."""

from itertools import combinations

import numpy as np
import pytest

from stats.source_collusion import colluding_sources
from stats.source_copies import copied_rows
from stats.summary import InvalidInput
from stats.within_signal import common_signal

SOURCES, GANG = 12, [0, 1, 2]


def world(rng, agents=2_000, *, share=0.1, spread=0.0, silent=0.2, sources=SOURCES):
    """Truth and strength of sources, and ratios that err independently."""
    truth = rng.random(agents) < share
    delta = 1.5 * np.exp(spread * rng.standard_normal(sources))
    side = np.where(truth, 0.5, -0.5)[:, None]
    x = side * delta**2 + delta * rng.standard_normal((agents, sources))
    x[rng.random(x.shape) < silent] = np.nan
    return truth, delta, x


def shared_noise(rng, x, truth, delta, *, part=0.6):
    common = rng.standard_normal(len(x))
    for s in GANG:
        own = np.sqrt(1 - part) * rng.standard_normal(len(x))
        side = np.where(truth, 0.5, -0.5) * delta[s] ** 2
        x[:, s] = side + delta[s] * (np.sqrt(part) * common + own)


def same_lie(rng, x, truth, delta):
    common = rng.standard_normal(len(x))
    for s in GANG:
        x[:, s] = delta[s] * (common + 0.5 * rng.standard_normal(len(x)))


def some_copies(rng, x, truth, delta):
    for s in GANG[1:]:
        copied = rng.random(len(x)) < 0.2
        x[copied, s] = x[copied, GANG[0]]


GANGS = [shared_noise, same_lie, some_copies]


def named(found):
    return {s for group in found.groups() for s in group}


@pytest.mark.parametrize("gang", GANGS)
def test_three_of_twelve_are_found_and_nobody_else(gang):
    complete = innocent = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth, delta, x = world(rng, 1_000, spread=0.5 * (seed % 2))
        gang(rng, x, truth, delta)
        who = named(colluding_sources(x))
        complete += who >= set(GANG)
        innocent += who <= set(GANG)
    assert complete >= 198
    assert innocent >= 198


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_seeing_the_same_truth_is_no_collusion(share, spread):
    accused = 0
    for seed in range(50):
        _, _, x = world(np.random.default_rng(seed), share=share, spread=spread)
        accused += bool(named(colluding_sources(x)))
    assert accused <= 2
    _, _, x = world(np.random.default_rng(99), 50_000, share=share, spread=spread)
    x = np.exp(x / 3.0) if share == 0.1 else x
    assert named(colluding_sources(x)) == set()


def test_a_gang_is_found_where_there_is_no_signal_to_hide_in():
    rng = np.random.default_rng(1)
    truth, delta, x = world(rng, 300, share=0.0)
    shared_noise(rng, x, truth, delta, part=0.9)
    found = colluding_sources(x)
    assert found.groups() == [GANG]
    np.testing.assert_allclose(found.vote, [1 / 3] * 3 + [1.0] * 9)
    assert found.group.tolist() == [0, 0, 0, *range(3, 12)]


def test_two_gangs_are_two_groups():
    rng = np.random.default_rng(2)
    truth, delta, x = world(rng)
    shared_noise(rng, x, truth, delta)
    x[:, 9] = x[:, 7] + 0.5 * rng.standard_normal(len(x))
    assert colluding_sources(x).groups() == [GANG, [7, 9]]


def test_yes_or_no_from_everybody_is_no_copy():
    rng = np.random.default_rng(3)
    truth = rng.random(3_000) < 0.2
    right = rng.random((3_000, 8)) < 0.85
    x = np.where(right == truth[:, None], 1.7, -1.7)
    found = colluding_sources(x)
    assert found.copies.sum() == 0
    assert found.groups() == []
    x[:, 4] = x[:, 1]
    assert colluding_sources(x).groups() == [[1, 4]]


def test_copies_are_counted_as_the_naive_twin_counts_them():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 60, (40, 5)).astype(float)
    x[:6, 2] = x[:6, 0]
    x[rng.random(x.shape) < 0.2] = np.nan
    pairs = np.array(list(combinations(range(5), 2)))
    copies, p = copied_rows(x, *pairs.T)
    wanted = [
        sum(
            x[k, a] == x[k, b]
            and sum(x[:, a] == x[k, a]) == sum(x[:, b] == x[k, b]) == 1
            for k in range(40)
        )
        for a, b in pairs
    ]
    assert copies.tolist() == wanted
    assert sum(wanted) > 0
    assert (p[copies < 3] == 1.0).all()


def test_rounded_ratios_that_meet_by_chance_are_no_copies():
    accused = 0
    for seed in range(100):
        _, _, x = world(np.random.default_rng(seed), 200)
        accused += bool(named(colluding_sources(x.round(2))))
    assert accused <= 2


def test_covariances_and_their_errors_are_those_of_plain_numpy():
    rng = np.random.default_rng(5)
    _, _, x = world(rng, 500, sources=4)
    found = common_signal(x)
    scale = 1.4826 * np.nanmedian(abs(x - np.nanmedian(x, axis=0)), axis=0)
    z = np.tanh((x - np.nanmedian(x, axis=0)) / (2 * scale))
    for a in range(4):
        for b in range(4):
            both = ~np.isnan(z[:, a] + z[:, b])
            u, v = z[both, a], z[both, b]
            product = (u - u.mean()) * (v - v.mean())
            assert found.shared[a, b] == both.sum()
            assert found.covariance[a, b] == pytest.approx(product.mean())
            wanted = product.std() / np.sqrt(both.sum())
            assert found.error[a, b] == pytest.approx(wanted)


def test_gains_are_those_of_the_signal():
    rng = np.random.default_rng(6)
    _, _, x = world(rng, 100_000, share=0.3, spread=0.3)
    found = common_signal(x)
    z = np.tanh(x / 2)
    assert np.isfinite(z[~np.isnan(x)]).all()
    off = ~np.eye(SOURCES, dtype=bool)
    explained = np.outer(found.gain, found.gain)
    gap = (found.covariance - explained)[off] / found.error[off]
    assert abs(gap).max() < 5.0
    assert found.gain.min() > 0.1


def test_little_to_go_on_accuses_nobody():
    empty = colluding_sources(np.full((10, 6), np.nan))
    assert empty.groups() == []
    assert np.isnan(empty.p).all()
    assert repr(empty) == "SourceCollusion: n=10 agents | sources=6 | groups=[]"
    rng = np.random.default_rng(7)
    _, _, x = world(rng, 2_000, sources=4)
    few = colluding_sources(x)
    assert np.isnan(few.correlation).all()
    assert few.groups() == []
    x[:40, 1] = x[:40, 0]
    assert colluding_sources(x).groups() == [[0, 1]]
    assert colluding_sources(np.zeros((9, 0))).groups() == []
    level = np.ones((50, 6))
    assert colluding_sources(level).groups() == []


def test_what_is_no_table_or_rate_is_refused():
    with pytest.raises(InvalidInput, match="infinite"):
        colluding_sources([[np.inf, 1.0]])
    with pytest.raises(InvalidInput, match=r"q 1\.0"):
        colluding_sources([[0.0, 1.0]], q=1.0)
