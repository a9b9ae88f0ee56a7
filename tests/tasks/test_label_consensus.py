"""Labels over partitions: every bit as from one table, on any workers."""

from __future__ import annotations

import numpy as np
import pytest

from stats.reliability import aggregate_labels
from stats.summary import InvalidInput
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.label_consensus import label_consensus
from tests.annotators import Answers, annotate

FIELDS = (
    "tasks", "log_probability", "n", "votes", "audited", "undetermined", "log_prior",
    "sources", "confusion", "accuracy", "answers", "contradictions", "right", "doubt",
    "linked",
)  # fmt: skip


@pytest.fixture(scope="module")
def client():
    with cluster_session(ClusterConfig.load("threads")) as session:
        yield session.client()


def world(seed: int = 3, **options) -> Answers:
    """Copies, hard tasks, a contradiction and a repeated answer."""
    a = annotate(
        np.random.default_rng(seed),
        **{"n_tasks": 120, "n_sources": 20, "copy_groups": 2, "difficulty": 1.0}
        | options,
    )
    task, source, label = (
        np.append(x, x[:2]) for x in (a.task * 7 - 50, a.source * 3, a.label)
    )
    label[-1] = (label[-1] + 1) % a.n_classes
    return Answers(task, source, label, a.truth, a.n_classes)


def same(left, right) -> None:
    """Assert that every field has the same bytes."""
    for name in FIELDS:
        a, b = getattr(left, name), getattr(right, name)
        assert (name, a.tobytes()) == (name, b.tobytes())
    assert (left.tempering, left.method) == (right.tempering, right.method)


def both(a: Answers, order=slice(None), *, size, client=None, **options):
    columns = (a.task[order], a.source[order], a.label[order])
    return label_consensus(
        *columns,
        n_classes=a.n_classes,
        tasks_per_part=size,
        client=client,
        **options,
    )


@pytest.mark.parametrize("size", [7, 64, 1_000])
def test_no_bit_depends_on_partitions_or_order(size) -> None:
    a = world()
    whole = aggregate_labels(a.task, a.source, a.label, n_classes=4)
    assert whole.contradictions.sum() == 1
    assert (whole.linked != np.arange(20)).any()
    order = np.random.default_rng(size).permutation(a.task.size)
    same(both(a, order, size=size), whole)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"audit": {-50: 1, -43: 0, 20: 2, 999_999: 1}, "detect_copies": False},
    ],
)
def test_no_bit_depends_on_workers(client, options) -> None:
    a = world(5, n_tasks=60)
    options = {"iterations": 3} | options
    whole = aggregate_labels(a.task, a.source, a.label, n_classes=4, **options)
    same(both(a, size=31, client=client, **options), whole)


def test_many_partitions_are_merged_over_a_tree(client) -> None:
    a = world(6, n_tasks=20)
    options = {
        "tempering": 0.5,
        "method": "majority",
        "iterations": 2,
        "detect_copies": False,
    }
    whole = aggregate_labels(a.task, a.source, a.label, n_classes=4, **options)
    same(both(a, size=1, client=client, **options), whole)


def test_nothing_is_a_prior_here_and_there(client) -> None:
    for where in (None, client):
        found = label_consensus([], [], [], n_classes=3, client=where)
        assert found.shape == (0, 3)
        np.testing.assert_allclose(np.exp(found.log_prior), [1 / 3] * 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tasks_per_part": 0}, "tasks_per_part is 0"),
        ({"label": [0, 5]}, "outside 0"),
        ({"audit": {0: 9}}, "audit holds classes 9"),
        ({"method": "mean"}, "'mean'"),
    ],
)
def test_refuses_what_aggregate_labels_refuses(change, words) -> None:
    call = {"task": [0, 1], "source": [0, 0], "label": [0, 1], "n_classes": 2} | change
    with pytest.raises(InvalidInput, match=words):
        label_consensus(call.pop("task"), call.pop("source"), call.pop("label"), **call)


@pytest.mark.slow
def test_no_bit_depends_on_worker_processes() -> None:
    a = world(8, n_tasks=2_000, n_sources=60, answers=10)
    whole = aggregate_labels(a.task, a.source, a.label, n_classes=4)
    same(both(a, size=1), whole)
    with cluster_session(ClusterConfig(workers=2)) as session:
        for size in (100, 999):
            same(both(a, size=size, client=session.client()), whole)
