"""Aggregated labels on simulated annotators, beside a plain reference."""

import numpy as np
import pytest

from stats.label_tempering import TEMPERINGS
from stats.reliability import aggregate_labels
from tests.annotators import annotate

pytestmark = pytest.mark.slow

SEEDS = range(4)
WORLDS = {
    "independent": {},
    "few answers": {"n_tasks": 300, "answers": 5},
    "hard tasks": {"difficulty": 2.0},
    "hard tasks, 20 answers": {"difficulty": 2.0, "answers": 20},
    "copies": {"copy_groups": 4},
    "copies, two classes": {"copy_groups": 4, "n_classes": 2},
    "loose copies": {"copy_groups": 4, "copying": 0.8},
    "copies of hard tasks": {"copy_groups": 4, "copying": 0.95, "difficulty": 2.0},
}
CORRELATED = {name for name in WORLDS if "hard" in name}


def reference(a) -> np.ndarray:
    """Dawid and Skene as in the paper, add-one smoothing, from shares of votes."""
    given = np.zeros((a.truth.size, int(a.source.max()) + 1, a.n_classes))
    given[a.task, a.source, a.label] = 1.0
    q = given.sum(axis=1) / given.sum(axis=(1, 2))[:, None]
    for _ in range(30):
        confusion = np.einsum("tk,tsl->skl", q, given) + 1.0 / a.n_classes
        confusion /= confusion.sum(axis=2, keepdims=True)
        score = np.log(q.mean(axis=0)) + np.einsum(
            "tsl,skl->tk", given, np.log(confusion)
        )
        q = np.exp(score - score.max(axis=1, keepdims=True))
        q /= q.sum(axis=1, keepdims=True)
    return q


def loss(probability: np.ndarray, truth: np.ndarray) -> float:
    """Mean surprise by the truth."""
    picked = probability[np.arange(truth.size), truth]
    return float(-np.log(np.maximum(picked, 1e-300)).mean())


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
        q = reference(a)
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
