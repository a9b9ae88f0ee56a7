"""The command that aggregates labels: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.labels import LabelsParameters, labels
from tests.annotators import annotate

NAMES = np.array(["cat", "dog", "eel"])
WORLD = annotate(np.random.default_rng(2), n_tasks=120, n_sources=12, n_classes=3)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Answers, one of them twice and one contradicted; and an audit."""
    folder = tmp_path_factory.mktemp("labels")
    order = np.append(np.arange(WORLD.task.size), [0, 1])
    label = WORLD.label[order]
    label[-1] = (label[-1] + 1) % 3
    answers = {
        "item": [f"i{k:03}" for k in WORLD.task[order]],
        "annotator": [f"a{k:02}" for k in WORLD.source[order]],
        "label": NAMES[label],
    }
    pyarrow.csv.write_csv(pa.table(answers), folder / "answers.csv")
    known = {
        "item": ["gone", *(f"i{k:03}" for k in range(0, 120, 12))],
        "label": ["eel", *NAMES[WORLD.truth[::12]]],
    }
    pyarrow.parquet.write_table(pa.table(known), folder / "audit.parquet")
    return folder / "answers.csv", folder / "audit.parquet"


def call(*words: object) -> tuple[int, str]:
    given = ["labels", *map(str, words)]
    found = CliRunner().invoke(app, given, terminal_width=160)
    return found.exit_code, found.stdout + (found.stderr or "")


def test_lines_and_a_table_are_printed(files: tuple[Path, Path]) -> None:
    code, text = call(files[0], "--top", 5)
    assert code == 0
    lines = text.splitlines()
    n = WORLD.task.size - 1
    assert lines[0].startswith(
        f"n={n:,} answers of 12 annotators to 120 items, 3 classes; worth "
    )
    assert lines[1].startswith("Method: dawid-skene; tempering ")
    assert "Audit: none." in text
    assert "Contradictions: 1 times" in text
    columns = ["annotator", "answers", "accuracy", "lower", "upper", "weight", "note"]
    (head,) = [k for k, line in enumerate(lines) if line.split() == columns]
    assert len([line for line in lines[head + 2 :] if line.strip()]) == 5
    assert "contradicts itself on 1" in lines[head + 2]


def test_json_holds_all_and_posteriors_are_written(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "new" / "labels.parquet"
    words = (files[0], "--audit", files[1], "--folds", 2, "--out", out, "--json")
    code, text = call(*words)
    found = json.loads(text)
    assert code == 0
    assert found["rows"] == WORLD.task.size + 2
    assert found["n"] == WORLD.task.size - 1
    assert (found["items"], found["classes"]) == (120, NAMES.tolist())
    assert len(found["annotators"]) == 12
    audit = found["audit"]
    assert (audit["n"], audit["unanswered"]) == (10, 1)
    assert audit["log_loss"] < audit["by_shares"]
    assert audit["right"] >= 8
    rows = pyarrow.parquet.read_table(out).to_pylist()
    assert found["written"] == [str(out)]
    at = {row["item"]: row for row in rows}
    assert len(at) == 120
    assert at["i012"]["status"] == "audited"
    assert at["i012"]["label"] == NAMES[WORLD.truth[12]]
    right = sum(at[f"i{k:03}"]["label"] == NAMES[WORLD.truth[k]] for k in range(120))
    assert right >= 110
    code, text = call(*words)
    assert (code, json.loads(text)["error"]["kind"]) == (2, "output_exists")


def test_refusals_have_a_kind_and_status_2(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("item,annotator,label\ni1,a,cat\ni2,b,cat\n", "utf-8")
    other.write_text("item,label\nx,cat\n", "utf-8")
    empty = tmp_path / "empty.csv"
    empty.write_text("item,annotator,label\n", "utf-8")
    cases = [
        ([tmp_path / "nowhere.csv"], "rejected", "unreadable"),
        ([empty], "rejected", "empty"),
        ([files[0], "--item", "task"], "rejected", "missing-column"),
        ([files[0], "--audit", other], "rejected", "Name items in both files alike"),
        ([one], "not_enough_data", "every answer is 'cat'"),
        ([one, "--method", "mode"], "invalid_parameter", "method"),
        ([one, "--tempering", "2"], "invalid_parameter", "tempering"),
        ([one, "--out", tmp_path / "o.txt"], "invalid_parameter", ".parquet"),
        ([one, "--class", "dog", "--cluster", "nowhere"], "cluster", "nowhere"),
    ]
    for words, kind, said in cases:
        code, text = call(*words, "--json")
        error = json.loads(text)["error"]
        assert (code, error["kind"]) == (2, kind)
        assert said in error["what"]
    code, text = call(one, "--class", "dog", "--json")
    assert (code, json.loads(text)["labels"]) == (0, {"cat": 2, "dog": 0})


def test_the_form_explains_every_parameter() -> None:
    fields = LabelsParameters.model_json_schema()["properties"]
    assert [name for name, f in fields.items() if not f.get("description")] == []


@pytest.mark.server
@pytest.mark.usefixtures("prefect_server")
def test_the_flow_leaves_its_answer_in_the_ui(files: tuple[Path, Path]) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    given = LabelsParameters(file=files[0], method="majority")
    state = labels(given, return_state=True)
    assert state.result().lines[1].startswith("Method: majority; ")
    with get_client(sync_client=True) as client:
        keys = ["labels-answer", "labels-table"]
        chosen = ArtifactFilter(key=ArtifactFilterKey(any_=keys))
        artifacts = [
            a.key
            for a in client.read_artifacts(artifact_filter=chosen)
            if a.flow_run_id == state.state_details.flow_run_id
        ]
    assert sorted(artifacts) == keys
