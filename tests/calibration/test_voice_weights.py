"""What learnt weights gain where sources err, and what they cost elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from stats.evidence import EvidenceSums
from stats.source_consensus import consensus_of_sources
from stats.source_voices import voices_of
from stats.voice_weights import voice_weights

pytestmark = pytest.mark.slow

SHARE, SOURCES, AGENTS, SEEDS = 0.05, 10, 3_000, 6
PRIOR = float(special.logit(SHARE))

# Log loss of all evidence as it is stated, and by learnt weights: at least, at most.
EXPECTED = {
    "all mean what they say": ((0.0, 0.02), (0.0, 0.02)),
    "each silent about 7 of 10 agents": ((0.09, 0.11), (0.09, 0.11)),
    "two are six times too sure": ((0.15, 0.22), (0.0, 0.02)),
    "all are four times too sure": ((0.04, 0.07), (0.0, 0.025)),
    "two say the opposite": ((0.08, 0.11), (0.0, 0.035)),
    "three say anything": ((1.0, 1.5), (0.0, 0.045)),
    "three say one thing of all": ((100.0, 200.0), (0.0, 0.045)),
    "one lies about one agent": ((200.0, 400.0), (100.0, 400.0)),
    "half say the opposite": ((0.8, 1.2), (1.5, 2.5)),
    "each alone sees a tenth": ((0.08, 0.11), (0.14, 0.2)),
}


def stated(name: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and ratios by agent and source, NaN for silence."""
    truth = rng.random(AGENTS) < SHARE
    shape = (AGENTS, SOURCES)
    noise = np.sqrt(2.0) * rng.standard_normal(shape)
    x = np.where(truth, 1.0, -1.0)[:, None] + noise
    match name:
        case "each silent about 7 of 10 agents":
            x[rng.random(shape) < 0.7] = np.nan
        case "two are six times too sure":
            x[:, :2] *= 6
        case "all are four times too sure":
            x *= 4
        case "two say the opposite":
            x[:, :2] *= -1
        case "three say anything":
            x[:, :3] = 6 * rng.standard_normal((AGENTS, 3))
        case "three say one thing of all":
            x[:, :3] = 50.0
        case "one lies about one agent":
            x[7, 0] = 1e6 * (1 if not truth[7] else -1)
        case "half say the opposite":
            x[:, 5:] *= -1
        case "each alone sees a tenth":
            sees = rng.integers(SOURCES, size=AGENTS)[:, None] == np.arange(SOURCES)
            middle = np.where(truth[:, None] & sees, 6.0, -6.0)
            strong = middle + np.sqrt(12.0) * rng.standard_normal(shape)
            one = 1 / SOURCES
            x = np.logaddexp(np.log(one) + strong, np.log1p(-one))
    return truth, x


def losses(name: str, seed: int) -> tuple[float, float]:
    truth, x = stated(name, np.random.default_rng(seed))
    agent, source = np.nonzero(~np.isnan(x))
    sums = EvidenceSums.from_block(
        x[agent, source], 1.0, np.arange(len(agent)), len(agent)
    )
    said = voices_of(sums, agent, source, SOURCES)
    alone = np.arange(SOURCES)
    weights = voice_weights(said, alone, AGENTS, prior=PRIOR)
    found = []
    for weight in (None, weights.weight):
        post = consensus_of_sources(
            sums, agent, source, AGENTS, voice=alone, f=0, log_prior=PRIOR,
            weight=weight, said=said,
        ).posterior  # fmt: skip
        found.append(-np.where(truth, post.log_p[:, 0], post.log_not_p[:, 0]).mean())
    return found[0], found[1]


@pytest.mark.parametrize("name", EXPECTED)
def test_log_loss_of_stated_and_weighted_evidence(name: str) -> None:
    found = np.mean([losses(name, seed) for seed in range(SEEDS)], axis=0)
    for value, (least, most) in zip(found, EXPECTED[name], strict=True):
        assert least <= value <= most
