"""A table of answers, aggregated and judged: what the statistics give by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from stats.label_accuracy import accuracy_interval
from stats.reliability import aggregate_labels
from stats.summary import NotEnoughData
from storage.answers import AnswerTable
from tasks.label_answers import (
    AggregatedAnswers,
    LabelOptions,
    aggregate_answers,
    write_labels,
)
from tasks.label_words import label_words
from tasks.progress import watch_progress
from tasks.summarize import OutputExists
from tests.annotators import annotate

WORLD = annotate(
    np.random.default_rng(5), n_tasks=300, n_sources=24, n_classes=3, copy_groups=1
)
TRUTH = {int(k): int(WORLD.truth[k]) for k in range(0, 300, 20)}
CLASSES = ("cat", "dog", "eel")


def table(audit: dict[int, int]) -> AnswerTable:
    return AnswerTable(
        items=pa.array([f"i{k:03}" for k in range(300)]),
        annotators=tuple(f"a{k:02}" for k in range(24)),
        classes=CLASSES,
        item=WORLD.task,
        annotator=WORLD.source,
        label=WORLD.label,
        audit=audit,
        unanswered=0,
    )


def by_hand(audit: dict[int, int]):
    return aggregate_labels(
        WORLD.task, WORLD.source, WORLD.label, n_classes=3, audit=audit
    )


@pytest.fixture(scope="module")
def judged() -> tuple[AggregatedAnswers, list[tuple[str, int, int]]]:
    told: list[tuple[str, int, int]] = []
    with watch_progress(lambda *words: told.append(words)):
        found = aggregate_answers(table(TRUTH), LabelOptions(folds=2))
    return found, told


def test_audits_are_predicted_without_themselves(judged) -> None:
    found = judged[0]
    whole = by_hand(TRUTH)
    assert found.posterior.log_probability.tobytes() == whole.log_probability.tobytes()
    losses = []
    for part in (0, 1):
        out = sorted(TRUTH)[part::2]
        kept = {k: said for k, said in TRUTH.items() if k not in out}
        p = by_hand(kept).probability_of(out)
        losses += [-np.log(p[i, TRUTH[k]]) for i, k in enumerate(out)]
    assert found.score is not None
    assert found.score.n == len(losses) == 15
    assert found.score.log_loss == pytest.approx(np.mean(losses), rel=1e-12)


def test_progress_never_goes_back_and_reaches_the_end(judged) -> None:
    told = judged[1]
    assert {(step, total) for step, _, total in told} == {("aggregate", 300)}
    done = [k for _, k, _ in told]
    assert done == sorted(done)
    assert done[-1] == 300
    assert len(done) > 3 * 60  # several times a second, however big the file


def test_words_say_what_was_found(judged) -> None:
    found = judged[0]
    answer = label_words(found, LabelOptions(folds=2), top=3)
    post = found.posterior
    facts = answer.found
    assert facts["n"] == facts["rows"] == WORLD.task.size
    assert facts["n_effective"] == pytest.approx(post.votes.sum())
    assert facts["together"] == [["a00", "a01", "a02", "a03", "a04"]]
    assert sum(facts["labels"].values()) + facts["undetermined"] == 300
    estimate, lower, upper = accuracy_interval(post)
    shown = {row["annotator"]: row for row in facts["annotators"]}
    assert len(shown) == 24
    for k, name in enumerate(f"a{k:02}" for k in range(24)):
        assert shown[name]["accuracy"] == estimate[k]
        assert (shown[name]["lower"], shown[name]["upper"]) == (lower[k], upper[k])
        assert (shown[name]["note"] != "") == (k < 5)
    assert [row[0] in {"a00", "a01", "a02", "a03", "a04"} for row in answer.rows] == [
        True
    ] * 3
    text = "\n".join(answer.lines)
    assert "Together: a00, a01, a02, a03, a04 share more mistakes" in text
    assert "Each predicted without itself: " in text
    assert "Annotators shown: 3 of 24" in text


def test_posteriors_are_written_whole_and_never_over_something(
    judged, tmp_path: Path
) -> None:
    found = judged[0]
    path = write_labels(found, tmp_path / "out.parquet")
    rows = pyarrow.parquet.read_table(path)
    assert rows.column_names == [
        "item", "label", "probability", "status", "answers", "votes",
        "p of cat", "p of dog", "p of eel",
    ]  # fmt: skip
    assert rows["item"].to_pylist() == found.table.items.to_pylist()
    p = np.column_stack([rows[f"p of {name}"] for name in CLASSES])
    assert p.tobytes() == found.posterior.probability.tobytes()
    named = [CLASSES[k] for k in p.argmax(axis=1)]
    assert rows["label"].to_pylist() == named
    status = rows["status"].to_pylist()
    assert [k for k, said in enumerate(status) if said == "audited"] == sorted(TRUTH)
    assert status.count("undetermined") == found.posterior.undetermined.sum()
    with pytest.raises(OutputExists, match=r"out\.parquet exists"):
        write_labels(found, path)
    text = write_labels(found, tmp_path / "out.csv").read_text("utf-8").splitlines()
    assert len(text) == 301
    assert text[0].startswith('"item","label","probability"')


def test_options_reach_the_statistics() -> None:
    options = LabelOptions("majority", tempering=0.5, one_vote=False, folds=0)
    found = aggregate_answers(table(TRUTH), options)
    whole = aggregate_labels(
        WORLD.task, WORLD.source, WORLD.label, n_classes=3, method="majority",
        tempering=0.5, detect_copies=False, audit=TRUTH,
    )  # fmt: skip
    assert found.score is None
    assert found.posterior.log_probability.tobytes() == whole.log_probability.tobytes()
    text = "\n".join(label_words(found, options).lines)
    assert "Method: majority; tempering 0.5: " in text
    assert "Audit: 15 items are known, none was predicted." in text
    assert "Together" not in text


def test_one_class_leaves_nothing_to_decide() -> None:
    one = AnswerTable(
        items=pa.array(["a"]), annotators=("x",), classes=("cat",),
        item=np.zeros(1, np.int64), annotator=np.zeros(1, np.int64),
        label=np.zeros(1, np.int64), audit={}, unanswered=0,
    )  # fmt: skip
    with pytest.raises(NotEnoughData, match="every answer is 'cat'"):
        aggregate_answers(one, LabelOptions())
