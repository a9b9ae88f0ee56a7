"""Probabilities of a consensus mean what they say; certified decisions are right."""

from __future__ import annotations

import numpy as np
import pytest

from storage.authenticity import Authenticity
from tasks.consensus import Consensus, ConsensusOptions
from tasks.consensus_conclude import conclude
from tasks.consensus_facts import Facts
from tasks.evidence_pass import EvidenceColumns, Named, totals

pytestmark = pytest.mark.slow
FACTS = Facts("", "", (), 0, {}, {}, (), Authenticity((), ()), 0)


def drawn(
    seed: int, agents: int, shape: tuple[int, int, int], shared: float, total: float
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Rows of normal ratios by source, night and row; noise shared within nights.

    `total` is the information of the independent rows that would say as much.
    """
    rng = np.random.default_rng(seed)
    truth = rng.random(agents) < 0.3
    rows = int(np.prod(shape))
    size = total * (1 + (shape[2] - 1) * shared) / rows
    night = rng.standard_normal((agents, *shape[:2], 1))
    noise = np.sqrt(shared) * night
    noise = noise + np.sqrt(1 - shared) * rng.standard_normal((agents, *shape))
    side = np.where(truth, 0.5, -0.5)[:, None, None, None]
    ratio = side * size + np.sqrt(size) * noise
    index = np.indices(ratio.shape)
    return truth, ratio.ravel(), tuple(part.ravel() for part in index[:3])


def weighed(
    ratio: np.ndarray, places: tuple[np.ndarray, ...], agents: int, sources: int,
    options: ConsensusOptions,
) -> Consensus:  # fmt: skip
    agent, source, night = places
    none = np.zeros(len(ratio), dtype=np.int64)
    columns = EvidenceColumns(
        agent, source, none, none, night, ratio, np.ones(len(ratio)), sources, 1, 1
    )
    blocks = [columns.take(slice(k, k + 50_000)) for k in range(0, len(ratio), 50_000)]
    about = Named(
        np.array([f"{k:06d}" for k in range(agents)]),
        tuple(f"s{k}" for k in range(sources)), (), ("compromised",), 1,
    )  # fmt: skip
    return conclude(totals(blocks)[0], about, FACTS, options)


def worst_tenth(p: np.ndarray, truth: np.ndarray) -> float:
    tenth = np.minimum((10 * p).astype(int), 9)
    return max(
        abs(p[tenth == k].mean() - truth[tenth == k].mean())
        for k in range(10)
        if (tenth == k).sum() >= 300
    )


@pytest.mark.parametrize("shared", [0.0, 0.2])
def test_probabilities_are_frequencies_without_labels(shared: float) -> None:
    truth, ratio, places = drawn(1, 40_000, (3, 2, 8), shared, 5.0)
    options = ConsensusOptions(mode="exact", prior=0.3)
    found = weighed(ratio, places, len(truth), 3, options)
    assert worst_tenth(found.found.posterior.p[:, 0], truth) <= 0.02
    plain = ConsensusOptions(mode="exact", prior=0.3, tempering=1.0)
    sure = weighed(ratio, places, len(truth), 3, plain)
    assert (worst_tenth(sure.found.posterior.p[:, 0], truth) > 0.1) == (shared > 0)


@pytest.mark.parametrize("lie", ["flip", "shout", "shift", "silent"])
def test_a_third_that_lies_certifies_nothing_wrong(lie: str) -> None:
    truth, ratio, places = drawn(2, 5_000, (13, 2, 4), 0.2, 240.0)
    liar = places[1] >= 9
    told = {
        "flip": np.where(liar, -ratio, ratio),
        "shout": np.where(liar, -1e3 * ratio, ratio),
        "shift": np.where(liar, ratio + 2.0, ratio),
        "silent": ratio,
    }[lie]
    kept = ~liar if lie == "silent" else np.ones(len(ratio), dtype=bool)
    options = ConsensusOptions(prior=0.3, one_voice=False)
    found = weighed(
        told[kept], tuple(part[kept] for part in places), len(truth), 13, options
    ).found
    assert found.f == 4
    decided = found.hypothesis >= 0
    assert (found.hypothesis[decided] == np.where(truth, 0, 1)[decided]).all()
    assert decided.mean() > 0.5
    p = found.posterior.p[:, 0]
    wrong = np.where(truth, p < 0.3 / 20, p > 1 - 0.7 / 20)
    assert wrong.mean() <= 1 / 20, "what is left may mislead, but rarely by much"
