"""Intervals of the accuracy of annotators hold what they promise."""

import numpy as np
import pytest

from stats.label_accuracy import accuracy_interval
from stats.reliability import aggregate_labels
from tests.annotators import annotate

pytestmark = pytest.mark.slow

# Least coverage of 95 % intervals.  Tasks that mislead most sources look solved, which
# answers alone cannot show: there the intervals are too narrow, and it is said so.
WORLDS = {
    "independent": ({}, 0.93),
    "two classes": ({"n_classes": 2}, 0.93),
    "few answers": ({"n_tasks": 300, "answers": 5}, 0.93),
    "hard tasks": ({"difficulty": 2.0}, 0.88),
    "hard tasks, 20 answers": ({"difficulty": 2.0, "answers": 20}, 0.82),
}


@pytest.mark.parametrize("name", WORLDS)
def test_intervals_cover_the_share_of_right_answers(name, record) -> None:
    options, least = WORLDS[name]
    hits, width = [], []
    for seed in range(12):
        a = annotate(np.random.default_rng(seed), **options)
        found = aggregate_labels(a.task, a.source, a.label, n_classes=a.n_classes)
        _, lower, upper = accuracy_interval(found)
        # accuracies are drawn first from the generator after the truth and the traps
        rng = np.random.default_rng(seed)
        rng.integers(a.n_classes, size=a.truth.size)
        rng.integers(1, a.n_classes, a.truth.size)
        accuracy = rng.uniform(0.6, 0.9, 60)
        if "difficulty" in options:
            logit = np.log(accuracy / (1 - accuracy))[:, None]
            spread = np.linspace(-2.0, 2.0, 4001)[None]
            accuracy = (1 / (1 + np.exp(-logit - spread))).mean(axis=1)
        hits.append((lower <= accuracy) & (accuracy <= upper))
        width.append(upper - lower)
    share = float(np.mean(hits))
    record(name, f"covered {share:.3f}, width {np.mean(width):.3f}")
    assert share > least
