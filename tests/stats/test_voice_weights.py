"""Weights learnt from evidence: who shouts and who denies, and copies that vouch."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from stats.evidence import EvidenceSums
from stats.evidence_weights import evidence_weights
from stats.source_voices import Voices, voices_of
from stats.summary import InvalidInput
from stats.voice_weights import voice_weights

PRIOR = float(special.logit(0.2))


def world(seed: int, agents: int = 600, sources: int = 8) -> np.ndarray:
    """Calibrated ratios of independent sources, (agents, sources)."""
    rng = np.random.default_rng(seed)
    truth = rng.random(agents) < 0.2
    noise = np.sqrt(2.0) * rng.standard_normal((agents, sources))
    return np.where(truth, 1.0, -1.0)[:, None] + noise


def voices(table: np.ndarray, rows: int = 1) -> Voices:
    """Every ratio cut into so many equal rows."""
    agent, source = np.divmod(np.arange(table.size), table.shape[1])
    ratio = np.repeat(table.ravel() / rows, rows)
    sums = EvidenceSums.from_block(
        ratio, 1.0, np.repeat(np.arange(table.size), rows), table.size
    )
    return voices_of(sums, agent, source, table.shape[1])


def test_who_shouts_or_denies_is_turned_down_however_many_rows() -> None:
    table = world(1)
    table[:, 0] *= 5.0
    table[:, 1] *= -1.0
    alone = np.arange(8)
    once = voice_weights(voices(table), alone, 600, prior=PRIOR)
    direct = evidence_weights(table, prior=PRIOR)
    np.testing.assert_allclose(once.weight, direct.weight, rtol=1e-12)
    assert once.weight[0] < 0.25
    assert once.weight[1] < 0.05
    assert (once.weight[2:] > 0.5).all()
    often = voice_weights(voices(table, rows=4), alone, 600, prior=PRIOR)
    np.testing.assert_allclose(often.weight, once.weight, rtol=1e-9)


def test_tempering_is_not_counted_twice() -> None:
    """Rows that come four times are four times too sure; tempering knows already."""
    table, alone = world(2), np.arange(8)
    plain = voice_weights(voices(table), alone, 600, prior=PRIOR)
    again = voice_weights(voices(4 * table), alone, 600, prior=PRIOR, tempering=0.25)
    np.testing.assert_array_equal(again.weight, plain.weight)
    sure = voice_weights(voices(4 * table), alone, 600, prior=PRIOR)
    assert (sure.weight < 0.5 * plain.weight).all()


def test_copies_do_not_vouch_for_each_other() -> None:
    table = world(3)
    table[:, 5:] = 5.0 * np.random.default_rng(4).standard_normal((600, 1))
    together = np.array([0, 1, 2, 3, 4, 5, 5, 5])
    found = voice_weights(voices(table), together, 600, prior=PRIOR)
    assert (found.weight[5:] == found.weight[5]).all()
    assert found.weight[5] < 0.1
    assert (found.weight[:5] > 0.5).all()
    apart = voice_weights(voices(table), np.arange(8), 600, prior=PRIOR)
    assert apart.weight[5] > found.weight[5]


def test_weights_need_one_hypothesis() -> None:
    sums = EvidenceSums.from_block(
        [5.0, 1.0], 1.0, [0, 0], 1, hypotheses=[0, 1], n_hypotheses=2
    )
    said = voices_of(sums, [0], [0], 1)
    with pytest.raises(InvalidInput, match="one hypothesis"):
        voice_weights(said, np.arange(1), 1, prior=0.0)
