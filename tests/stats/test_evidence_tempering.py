"""Dependence of evidence found without labels, and what it costs to ignore it."""

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import special

from stats.evidence import EvidenceSums, log_posterior
from stats.evidence_tempering import EvidenceSpread, evidence_tempering
from stats.summary import InvalidInput, NotEnoughData, merge_all
from tests.laws import check_laws, same_bytes

NIGHTS, ROWS = 3, 20


def world(rng, agents, *, rho, separation=7.0, share=0.5, nights=NIGHTS, rows=ROWS):
    """Truth, and Gaussian ratios (agent, night, row), calibrated each by itself."""
    truth = rng.random(agents) < share
    delta2 = separation / (nights * rows)
    noise = np.sqrt(rho) * rng.standard_normal((agents, nights, 1))
    noise = noise + np.sqrt(1 - rho) * rng.standard_normal((agents, nights, rows))
    side = np.where(truth, 0.5, -0.5)[:, None, None]
    return truth, side * delta2 + np.sqrt(delta2) * noise


def columns(x):
    agents, nights, rows = x.shape
    agent = np.repeat(np.arange(agents), nights * rows)
    return x.ravel(), agent, np.tile(np.repeat(np.arange(nights), rows), agents)


def worst_tenth(log_odds, truth):
    p = special.expit(log_odds)
    tenth = np.minimum((p * 10).astype(int), 9)
    n = np.bincount(tenth, minlength=10)
    gap = np.bincount(tenth, truth, 10) - np.bincount(tenth, p, 10)
    return abs(gap[n >= 500] / n[n >= 500]).max()


def log_loss(log_odds, truth):
    return np.logaddexp(0.0, np.where(truth, -log_odds, log_odds)).mean()


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_the_share_that_is_independent_is_found(share):
    _, x = world(np.random.default_rng(1), 4_000, rho=0.2, share=share, separation=60.0)
    found = evidence_tempering(*columns(x))
    right = 1.0 / (1.0 + 19 * 0.2)
    assert found.tempering == pytest.approx(right, rel=0.1)
    assert found.lower <= right <= found.upper
    assert found.upper - found.lower < 0.1 * right
    assert found.correlation == pytest.approx(0.2, abs=0.02)
    assert found.effective_n == pytest.approx(4_000 * 60 * right, rel=0.1)
    assert found.of([1.0, 20.0]) == pytest.approx([1.0, found.tempering])


def test_tempering_halves_the_loss_and_calibrates():
    rng = np.random.default_rng(2)
    truth, x = world(rng, 20_000, rho=0.2)
    ratio, agent, night = columns(x)
    found = evidence_tempering(ratio, agent, night)
    sums = EvidenceSums.from_block(ratio, 1.0, agent, 20_000)
    before = log_posterior(sums, 0.0)
    after = log_posterior(sums, 0.0, tempering=found.tempering)
    loss = [log_loss(p.log_odds[:, 0], truth) for p in (before, after)]
    assert loss == pytest.approx([1.056, 0.533], abs=0.03)
    assert loss[1] <= 0.52 * loss[0]
    gaps = [worst_tenth(p.log_odds[:, 0], truth) for p in (before, after)]
    assert gaps[1] <= 0.02
    assert gaps[0] > 0.2
    assert after.effective_n.sum() == pytest.approx(found.effective_n)
    truth, x = world(rng, 20_000, rho=0.2, separation=10.0)
    total = x.sum(axis=(1, 2))
    beta = evidence_tempering(*columns(x)).tempering
    assert log_loss(total * beta, truth) <= 0.5 * log_loss(total, truth)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_independent_evidence_keeps_its_weight(share):
    rng = np.random.default_rng(3)
    _, x = world(rng, 2_000, rho=0.0, share=share, separation=200.0)
    found = evidence_tempering(*columns(x))
    assert found.tempering >= 0.9
    assert found.upper == 1.0


def test_the_interval_covers():
    rng, hits = np.random.default_rng(4), 0
    right = 1.0 / (1.0 + 4 * 0.3)
    for _ in range(400):
        _, x = world(rng, 60, rho=0.3, nights=4, rows=5)
        found = evidence_tempering(*columns(x))
        hits += found.lower <= right <= found.upper
    assert abs(hits / 400 - 0.95) <= 0.035


def test_clusters_of_any_size_and_heavy_tails_give_the_same_correlation():
    rng = np.random.default_rng(5)
    size = rng.integers(1, 12, 30_000)
    cluster = np.repeat(np.arange(30_000), size)
    shared, own = rng.standard_t(5, 30_000), rng.standard_t(5, len(cluster))
    ratio = np.sqrt(0.25) * shared[cluster] + np.sqrt(0.75) * own
    ratio = ratio + 5.0 * rng.standard_normal(10_000)[cluster // 3]
    found = evidence_tempering(ratio, cluster // 3, cluster)
    assert found.correlation == pytest.approx(0.25, abs=0.02)
    effective = (size**2).sum() / size.sum()
    assert found.inflation == pytest.approx(1 + (effective - 1) * 0.25, rel=0.06)


def test_copies_count_once_and_lone_rows_in_full():
    rng = np.random.default_rng(6)
    x = np.repeat(rng.standard_normal((50, 4, 1)), 5, axis=2)
    found = evidence_tempering(*columns(x))
    assert (found.correlation, found.tempering) == (1.0, 0.2)
    alone = evidence_tempering(*columns(x[:, :, :1]))
    assert (alone.tempering, alone.lower, alone.upper) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    "x",
    [np.zeros((0, 2, 2)), np.ones((1, 3, 2)), np.ones((9, 1, 4)), np.ones((5, 2, 2))],
)
def test_what_says_nothing_about_dependence_is_refused(x):
    with pytest.raises(NotEnoughData, match="agents with two clusters"):
        evidence_tempering(*columns(x))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e61])
def test_ratios_that_are_none_are_refused(bad):
    with pytest.raises(InvalidInput, match="1 not finite"):
        EvidenceSpread.from_block([bad], [0], [0])
    with pytest.raises(InvalidInput, match="agents"):
        EvidenceSpread.from_block([1.0], [0, 1], [0])
    with pytest.raises(InvalidInput, match="no array"):
        EvidenceSpread.from_arrays({})


def test_neither_order_nor_blocks_of_agents_change_a_bit():
    rng = np.random.default_rng(7)
    _, x = world(rng, 300, rho=0.4)
    ratio, agent, night = columns(x * 10.0 ** rng.integers(-8, 8, x.shape))
    whole = EvidenceSpread.from_block(ratio, agent, night)
    order = rng.permutation(len(ratio))
    other = 1_000 - 3 * agent, 7 * night + 2
    same_bytes(
        whole, EvidenceSpread.from_block(ratio[order], other[0][order], other[1][order])
    )
    parts = [
        EvidenceSpread.from_block(ratio[k], agent[k], night[k])
        for k in (agent % 4 == part for part in range(4))
    ]
    same_bytes(whole, merge_all(parts))
    assert whole.finalize() == merge_all(parts[::-1]).finalize()
    assert repr(whole) == "EvidenceSpread: n=18_000 | agents=300"


ROW = st.tuples(st.floats(-1e9, 1e9), st.integers(0, 3), st.integers(0, 2))


def test_laws():
    """Blocks hold whole agents, so that joining them shares none."""
    block = st.lists(ROW, max_size=12)

    def build(rows):
        x, agent, cluster = zip(*rows, strict=True) if rows else ((), (), ())
        return EvidenceSpread.from_block(x, agent, cluster)

    def join(a, b):
        first = max((agent for _, agent, _ in a), default=-1) + 1
        return a + [(x, agent + first, cluster) for x, agent, cluster in b]

    check_laws(st.tuples(block, block, block), build, join, EvidenceSpread.from_arrays)
