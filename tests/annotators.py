"""Simulated annotators: known truth, hard tasks, copies and liars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Answers", "annotate"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """Sparse answers and what is true."""

    task: Ints
    source: Ints
    label: Ints
    truth: Ints
    n_classes: int


def annotate(
    rng: np.random.Generator,
    *,
    n_tasks: int = 1500,
    n_sources: int = 60,
    n_classes: int = 4,
    answers: int = 10,
    difficulty: float = 0.0,
    copy_groups: int = 0,
    copying: float = 1.0,
    liars: float = 0.0,
) -> Answers:
    """Answers of sources of accuracy 0.6 to 0.9.

    With `difficulty` the logit of every accuracy moves by up to that much per task, and
    errors fall on one trap of the task with probability 0.8.  Groups of 5 repeat their
    leader with probability `copying`.  A share `liars` gives one agreed wrong answer.
    """
    k = n_classes
    truth = rng.integers(k, size=n_tasks)
    trap = (truth + rng.integers(1, k, n_tasks)) % k
    accuracy = rng.uniform(0.6, 0.9, n_sources)
    logit = np.log(accuracy / (1 - accuracy))[None]
    logit = logit + difficulty * rng.uniform(-1, 1, (n_tasks, 1))
    right = rng.random((n_tasks, n_sources)) < 1 / (1 + np.exp(-logit))
    other = (truth[:, None] + rng.integers(1, k, right.shape)) % k
    if difficulty:
        trapped = rng.random(right.shape) < 0.8
        other = np.where(trapped, trap[:, None], other)
    said = np.where(right, truth[:, None], other)
    for group in range(copy_groups):
        leader = 5 * group
        for member in range(leader + 1, leader + 5):
            copied = rng.random(n_tasks) < copying
            said[copied, member] = said[copied, leader]
    lying = round(liars * n_sources)
    if lying:
        said[:, -lying:] = ((truth + rng.integers(1, k, n_tasks)) % k)[:, None]
    asked = rng.random(right.shape).argsort(axis=1) < answers
    task, source = np.nonzero(asked)
    return Answers(task, source, said[task, source], truth, k)
