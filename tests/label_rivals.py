"""The textbook's way to aggregate labels, and worlds in which to compare with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.annotators import Answers

__all__ = ["CORRELATED", "WORLDS", "loss", "textbook"]

Floats = NDArray[np.float64]

WORLDS: dict[str, dict[str, Any]] = {
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


def textbook(a: Answers, iterations: int = 30) -> Floats:
    """Dawid and Skene as in the paper, add-one smoothing, from shares of votes.

    A dense array of tasks, sources and classes; nothing is known of copies, and answers
    are taken for independent.
    """
    given = np.zeros((a.truth.size, int(a.source.max()) + 1, a.n_classes))
    given[a.task, a.source, a.label] = 1.0
    q = given.sum(axis=1) / given.sum(axis=(1, 2))[:, None]
    for _ in range(iterations):
        confusion = np.einsum("tk,tsl->skl", q, given) + 1.0 / a.n_classes
        confusion /= confusion.sum(axis=2, keepdims=True)
        score = np.log(q.mean(axis=0)) + np.einsum(
            "tsl,skl->tk", given, np.log(confusion)
        )
        q = np.exp(score - score.max(axis=1, keepdims=True))
        q /= q.sum(axis=1, keepdims=True)
    return q


def loss(probability: Floats, truth: NDArray[np.int64]) -> float:
    """Mean surprise by the truth."""
    picked = probability[np.arange(truth.size), truth]
    return float(-np.log(np.maximum(picked, 1e-300)).mean())
