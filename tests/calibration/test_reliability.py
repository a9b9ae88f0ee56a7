"""Aggregated labels on simulated annotators, beside a plain reference."""

import numpy as np
import pytest

from stats.label_tempering import TEMPERINGS
from stats.reliability import aggregate_labels
from tests.annotators import annotate
from tests.label_rivals import CORRELATED, WORLDS, loss, textbook

pytestmark = pytest.mark.slow

SEEDS = range(4)


@pytest.mark.parametrize("name", WORLDS)
def test_no_worse_than_the_reference_and_close_to_the_best_tempering(
    name, record
) -> None:
    mine, best, plain, hits, plain_hits = [], [], [], [], []
    for seed in SEEDS:
        a = annotate(np.random.default_rng(seed), **WORLDS[name])
        call = (a.task, a.source, a.label)
        found = aggregate_labels(*call, n_classes=a.n_classes)
        mine.append(loss(found.probability, a.truth))
        best.append(
            min(
                loss(
                    aggregate_labels(
                        *call, n_classes=a.n_classes, tempering=float(t)
                    ).probability,
                    a.truth,
                )
                for t in TEMPERINGS
            )
        )
        q = textbook(a)
        plain.append(loss(q, a.truth))
        hits.append(np.mean(found.label == a.truth))
        plain_hits.append(np.mean(q.argmax(axis=1) == a.truth))
    record(
        name,
        f"log loss {np.mean(mine):.3f}, best tempering {np.mean(best):.3f}, reference "
        f"{np.mean(plain):.3f}; right {np.mean(hits):.3f}, {np.mean(plain_hits):.3f}",
    )
    assert np.mean(mine) <= 1.15 * np.mean(best)
    assert np.mean(hits) >= np.mean(plain_hits) - 0.005
    if name in CORRELATED:
        assert np.mean(mine) <= 0.5 * np.mean(plain)
