"""Aggregated labels: closed forms, a naive twin, blocks, copies, audits, refusals."""

import math

import numpy as np
import pytest

from stats.reliability import aggregate_labels, source_weights
from stats.summary import InvalidInput
from tests.annotators import Answers, annotate

PLAIN = {"tempering": 1.0, "detect_copies": False}


def run(answers: Answers, **options):
    """Aggregate the answers of a simulation."""
    return aggregate_labels(
        answers.task,
        answers.source,
        answers.label,
        n_classes=answers.n_classes,
        **options,
    )


def right(found, answers: Answers) -> float:
    """Share of tasks whose most probable class is true."""
    return float(np.mean(found.label == answers.truth[found.tasks]))


def log_loss(found, answers: Answers) -> float:
    """Mean surprise by the truth, over tasks that nobody audited."""
    open_ = ~found.audited
    truth = answers.truth[found.tasks]
    picked = found.log_probability[np.arange(len(found)), truth]
    return float(-picked[open_].mean())


def naive_dawid_skene(a: Answers, smoothing: float, iterations: int):
    """The whole algorithm on a dense task x source x class array."""
    tasks, sources, k = a.truth.size, int(a.source.max()) + 1, a.n_classes
    given = np.zeros((tasks, sources, k))
    given[a.task, a.source, a.label] = 1.0
    first = 0.7 + 0.3 / k
    weight = math.log(first * (k - 1) / (1 - first))
    q = np.exp(weight * given.sum(axis=1))
    q /= q.sum(axis=1, keepdims=True)
    for _ in range(iterations):
        counts = np.einsum("tk,tsl->skl", q, given)
        hits = np.einsum("skk->s", counts)
        accuracy = (hits + 2.0 * first) / (counts.sum(axis=(1, 2)) + 2.0)
        row = np.full((sources, k, k), 0.0)
        row += ((1 - accuracy) / (k - 1))[:, None, None]
        row[:, np.arange(k), np.arange(k)] = accuracy[:, None]
        confusion = counts + smoothing * row
        confusion /= confusion.sum(axis=2, keepdims=True)
        prior = (q.sum(axis=0) + 1.0) / (tasks + k)
        score = np.log(prior) + np.einsum("tsl,skl->tk", given, np.log(confusion))
        q = np.exp(score - score.max(axis=1, keepdims=True))
        q /= q.sum(axis=1, keepdims=True)
    return q, confusion


def test_equals_the_naive_twin() -> None:
    answers = annotate(np.random.default_rng(1), n_tasks=80, n_sources=9, answers=4)
    found = run(answers, smoothing=3.0, iterations=12, **PLAIN)
    q, confusion = naive_dawid_skene(answers, 3.0, 12)
    np.testing.assert_allclose(found.probability, q, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.confusion, confusion, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(found), found.probability)
    assert found.shape == (80, 4)


def test_majority_is_the_plurality_with_the_closed_form() -> None:
    # 2 of 3 say 1 on each of two tasks; a is the accuracy pooled over expected counts
    task, label = [0, 0, 0, 1, 1, 1], [1, 1, 0, 1, 0, 1]
    found = aggregate_labels(
        task,
        [0, 1, 2] * 2,
        label,
        n_classes=2,
        method="majority",
        iterations=1,
        **PLAIN,
    )
    odds = 0.85 / 0.15  # a source never seen: 0.7 + 0.3 / 2, one vote of majority
    p = odds / (1 + odds)
    expected_right = 2 * (2 * p + (1 - p))
    a = (expected_right + 2 * 0.85) / (6 + 2)
    np.testing.assert_allclose(found.probability[:, 1], [a, a], rtol=1e-8)
    np.testing.assert_allclose(found.accuracy, [a] * 3, rtol=1e-8)


def test_one_coin_knows_the_better_source() -> None:
    answers = annotate(np.random.default_rng(2), n_sources=12, answers=12)
    found = run(answers, method="one-coin")
    truth = answers.truth[answers.task] == answers.label
    actual = np.bincount(answers.source, weights=truth) / found.answers
    np.testing.assert_allclose(found.accuracy, actual, atol=0.02)
    off = found.confusion[:, 0, 1:]
    np.testing.assert_allclose(off, np.repeat(off[:, :1], 3, axis=1), rtol=1e-12)


@pytest.mark.parametrize("method", ["dawid-skene", "one-coin", "majority"])
def test_blocks_and_order_change_no_bit(method) -> None:
    answers = annotate(
        np.random.default_rng(3), n_tasks=40, n_sources=15, answers=5, copy_groups=1
    )
    whole = run(answers, method=method)
    order = np.random.default_rng(4).permutation(answers.task.size)
    for block in (1, 7):
        part = aggregate_labels(
            answers.task[order],
            answers.source[order],
            answers.label[order],
            n_classes=4,
            method=method,
            block_tasks=block,
        )
        assert part.log_probability.tobytes() == whole.log_probability.tobytes()
        assert part.confusion.tobytes() == whole.confusion.tobytes()
        assert part.tempering == whole.tempering
        np.testing.assert_array_equal(part.linked, whole.linked)


@pytest.mark.parametrize("seed", range(5))
def test_classes_keep_their_names(seed) -> None:
    answers = annotate(np.random.default_rng(seed), n_tasks=400, n_sources=20)
    found = run(answers)
    assert (found.confusion.argmax(axis=2) == np.arange(4)).all()
    assert right(found, answers) > 0.95


def test_nothing_is_impossible_and_nothing_is_nan() -> None:
    n = 3000  # sources that all agree: a probability of 1 to float64, yet not certain
    found = aggregate_labels([5] * n, np.arange(n), [1] * n, n_classes=3, tempering=1.0)
    assert np.isfinite(found.log_probability).all()
    assert found.log_probability[0, 0] < -1000
    assert found.probability.sum() == pytest.approx(1.0, abs=1e-15)


def test_without_answers_there_is_a_prior_and_nothing_else() -> None:
    found = aggregate_labels([], [], [], n_classes=4)
    assert found.shape == (0, 4)
    assert found.tempering == 1.0
    np.testing.assert_allclose(found.probability_of([3]), [[0.25] * 4])
    row = found.confusion_of([9])[0, 0]
    np.testing.assert_allclose(row, [0.775, 0.075, 0.075, 0.075])


def test_identities_may_be_any_integers() -> None:
    big = 2**62
    found = aggregate_labels(
        [big, big, -5], [-1, big, -1], [0, 0, 1], n_classes=2, tempering=1.0
    )
    assert found.tasks.tolist() == [-5, big]
    assert found.sources.tolist() == [-1, big]
    assert found.n.tolist() == [1, 2]
    np.testing.assert_array_equal(
        found.probability_of([big, 0, -5])[[0, 2]], found.probability[[1, 0]]
    )


def test_repeats_count_once_and_contradictions_not_at_all() -> None:
    once = aggregate_labels([0, 0, 1], [1, 2, 1], [0, 1, 1], n_classes=2)
    more = aggregate_labels(
        [0, 0, 0, 1, 1, 1, 1], [1, 1, 2, 1, 3, 3, 3], [0, 0, 1, 1, 0, 1, 0], n_classes=2
    )
    np.testing.assert_array_equal(once.log_probability, more.log_probability)
    assert more.contradictions.tolist() == [0, 0, 1]
    assert more.answers.tolist() == [2, 1, 0]


@pytest.mark.parametrize("k", [2, 4])
def test_exact_copies_share_one_vote(k) -> None:
    answers = annotate(np.random.default_rng(5), n_classes=k, copy_groups=3)
    found = run(answers)
    leaders = np.array([0] * 5 + [5] * 5 + [10] * 5)
    np.testing.assert_array_equal(found.linked[:15], leaders)
    alone = found.linked[15:] == np.arange(15, 60)
    assert alone.mean() >= 0.9
    split = run(answers, tempering=1.0)
    blind = run(answers, **PLAIN)
    assert log_loss(split, answers) < log_loss(blind, answers)
    assert (split.votes < blind.votes).any()


def test_hard_tasks_accuse_nobody() -> None:
    linked = 0
    for seed in range(4):
        answers = annotate(np.random.default_rng(seed), n_tasks=800, difficulty=2.0)
        found = run(answers, tempering=1.0)
        linked += int((found.linked != np.arange(60)).sum())
    assert linked <= 2


@pytest.mark.parametrize("k", [2, 4])
def test_audits_stop_a_lying_majority(k) -> None:
    answers = annotate(np.random.default_rng(6), n_classes=k, liars=0.6)
    audit = {task: int(answers.truth[task]) for task in range(30)}
    found = run(answers, audit=audit)
    assert found.audited.sum() == 30
    assert right(found, answers) > 0.9
    weights = source_weights(found)
    assert weights[-36:].max() < weights[:24].min()


@pytest.mark.parametrize("n_sources", [13, 60])
@pytest.mark.parametrize("k", [2, 4])
def test_a_third_that_lies_together_does_not_turn_the_answer(n_sources, k) -> None:
    losses = []
    for seed in range(4):
        answers = annotate(
            np.random.default_rng(seed),
            n_tasks=600,
            n_sources=n_sources,
            answers=min(n_sources, 13),
            n_classes=k,
            liars=0.3,
        )
        losses.append(log_loss(run(answers), answers))
    assert max(losses) <= math.log(k)


def test_what_hangs_on_linked_sources_alone_is_undetermined() -> None:
    answers = annotate(np.random.default_rng(7), n_classes=2, copy_groups=3)
    found = run(answers)
    assert 0 < found.undetermined.sum() < 0.2 * len(found)
    wrong = found.label != answers.truth[found.tasks]
    assert wrong[found.undetermined].mean() > 3 * wrong[~found.undetermined].mean()
    assert not run(answers, detect_copies=False).undetermined.any()


def test_audits_that_cannot_turn_the_answer_make_it_undetermined() -> None:
    answers = annotate(np.random.default_rng(1), liars=0.6)
    audit = {task: int(answers.truth[task]) for task in range(15)}
    found = run(answers, audit=audit)
    assert right(found, answers) < 0.5
    np.testing.assert_array_equal(found.undetermined, ~found.audited)


def test_weights_follow_accuracy() -> None:
    answers = annotate(np.random.default_rng(8), n_sources=10, answers=10)
    found = run(answers, method="one-coin")
    weights = source_weights(found, [*found.sources.tolist(), 99])
    np.testing.assert_allclose(weights[:-1], (4 * found.accuracy - 1) / 3)
    assert weights[-1] == 0.7


def test_prints_n_first() -> None:
    found = aggregate_labels([0, 1], [0, 0], [1, 1], n_classes=2)
    assert repr(found).startswith("LabelPosterior: n=2 answers | tasks=2 | sources=1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_classes": 1}, "n_classes 1"),
        ({"label": [0, 2]}, "outside 0"),
        ({"label": [0, -1]}, "outside 0"),
        ({"task": [0]}, r"\[1, 2, 2\] rows"),
        ({"task": [0.0, 1.0]}, "float64"),
        ({"source": [[0, 1]]}, "shape"),
        ({"method": "mean"}, "'mean'"),
        ({"smoothing": 0.0}, "smoothing is 0"),
        ({"tempering": float("nan")}, "tempering is nan"),
        ({"tempering": "often"}, "tempering is 'often'"),
        ({"iterations": 0}, "iterations is 0"),
        ({"block_tasks": 0}, "block_tasks is 0"),
        ({"audit": {0: 2}}, "audit holds classes 2"),
        ({"audit": {0: 0.5}}, "float64"),
    ],
)
def test_refuses_what_has_no_meaning(change, words) -> None:
    call = {"task": [0, 1], "source": [0, 0], "label": [0, 1], "n_classes": 2} | change
    with pytest.raises(InvalidInput, match=words):
        aggregate_labels(
            call.pop("task"), call.pop("source"), call.pop("label"), **call
        )
