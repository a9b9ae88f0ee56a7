"""Liars stand out, honest sources do not, and being busy is no crime."""

import numpy as np
import pytest

from stats.evidence import EvidenceSums
from stats.source_table import source_table
from stats.summary import InvalidInput, NotEnoughData
from stats.suspicion import SUSPICIOUS, suspicion
from tests.attacks import Layout, attacked

SOURCES = 10


def honest(rng, agents, *, spread=0.0, busy=1):
    """Rows of every source about every agent; source 0 gives `busy` of them."""
    truth = rng.random(agents) < 0.1
    delta = np.exp(spread * rng.standard_normal(SOURCES))
    rows = np.where(np.arange(SOURCES) == 0, busy, 1)
    source = np.repeat(np.arange(SOURCES), rows)
    side = np.where(truth, 0.5, -0.5)[:, None] * delta[source] ** 2
    ratio = side + delta[source] * rng.standard_normal((agents, len(source)))
    group = np.arange(agents)[:, None] * SOURCES + source
    sums = EvidenceSums.from_block(ratio.ravel(), 1.0, group.ravel(), agents * SOURCES)
    return source_table(sums, SOURCES)[0]


@pytest.mark.parametrize("agents", [3, 20, 300])
def test_liars_of_plus_50_are_seen(agents):
    seen = 0
    for seed in range(100):
        table = honest(np.random.default_rng(seed), agents)
        table[:, 7:] += 50.0
        seen += (suspicion(table).score[7:] >= SUSPICIOUS).sum()
    assert seen >= 0.95 * 300


def test_liars_about_one_agent_are_seen_by_its_hypotheses():
    layout, seen, wrong = Layout("ten", 10, 3), 0, 0
    for seed in range(300):
        sums, _ = attacked(layout, "+50", seed)
        score = suspicion((sums[:, 1:] - sums[:, :1]).T).score
        seen += (score[7:] >= SUSPICIOUS).sum()
        wrong += (score[:7] >= SUSPICIOUS).sum()
    assert seen >= 0.95 * 900
    assert wrong <= 0.01 * 2_100


@pytest.mark.parametrize("liars", [0, 3])
def test_a_busy_honest_source_is_left_alone(liars):
    busy = others = 0
    for seed in range(1_000):
        table = honest(np.random.default_rng(seed), 20, busy=30)
        table[:, SOURCES - liars :] += 50.0
        score = suspicion(table).score
        busy += score[0] >= SUSPICIOUS
        others += (score[1 : SOURCES - 3] >= SUSPICIOUS).sum()
    assert busy <= 10
    assert others <= 0.01 * 6_000


@pytest.mark.parametrize(
    ("attack", "sign"),
    [
        (lambda x, rng: -x, "slope"),
        (lambda x, rng: x + 20.0 * rng.standard_normal(x.shape), "spread"),
        (lambda x, rng: np.where(np.arange(len(x)) == 5, 400.0, x), "largest"),
        (lambda x, rng: x - 9.0, "offset"),
    ],
)
def test_each_way_to_differ_has_its_sign(attack, sign):
    rng = np.random.default_rng(1)
    table = honest(rng, 2_000)
    table[:, 4] = attack(table[:, 4], rng)
    found = suspicion(table)
    assert np.flatnonzero(found.score >= SUSPICIOUS).tolist() == [4]
    value = getattr(found, sign)
    away = abs(value - np.median(value))
    assert away.argmax() == 4


def test_gaps_are_no_reason_and_too_little_is_not_known():
    rng = np.random.default_rng(2)
    table = honest(rng, 500)
    table[rng.random(table.shape) < 0.6] = np.nan
    table[2:, 3] = np.nan
    found = suspicion(table)
    assert np.isnan(found.score[3])
    assert found.n[3] <= 2
    assert (np.delete(found.score, 3) < SUSPICIOUS).all()
    assert repr(found).endswith("sources=10 | worth a look=[]")
    assert np.nanmax(suspicion(np.ones((30, 5))).score) == 0.0


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(NotEnoughData, match="3 sources"):
        suspicion(np.zeros((10, 3)))
    with pytest.raises(InvalidInput, match="infinite"):
        suspicion([[np.inf, 0.0, 0.0, 0.0]])
