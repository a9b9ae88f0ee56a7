"""The command that summarises an array: what it prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from typer.testing import CliRunner

from flows.cli import app
from flows.summarize import SummarizeParameters, summarize
from tests.repository import ROOT


@pytest.fixture
def array(tmp_path: Path) -> str:
    rng = np.random.default_rng(7)
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    values = rng.normal(3, 1, (30, 4, 2)).astype(np.float32)
    values[0, 0, 0] = np.nan
    kept = group.create_array(
        "values", shape=values.shape, chunks=(8, 4, 2), dtype="float32"
    )
    kept[...] = values
    team = group.create_array("team", shape=(30,), dtype="int8")
    team[...] = np.arange(30) // 10
    return str(tmp_path / "a.zarr" / "values")


def call(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["summarize", *words])
    return found.exit_code, found.stdout + (found.stderr or "")


def test_the_table_and_the_facts_are_printed(array: str) -> None:
    code, text = call(array, "--groups", "team", "--threads", "2")
    assert code == 0
    lines = [line.split() for line in text.splitlines()]
    assert lines[1] == [
        "group", "feature", "n", "coverage", "mean", "lower", "upper", "sd",
        "minimum", "maximum",
    ]  # fmt: skip
    assert [line[:4] for line in lines[3:5]] == [
        ["0", "0", "39", "0.975"],
        ["0", "1", "40", "1"],
    ]
    assert "30 agents x 4 times x 2 features in 4 chunks, bytes + zstd(0)" in text
    assert "predicted" in text
    assert "digest" in text


def test_json_holds_the_same_and_files_are_written(array: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [array, "--groups", "team", "--output", str(out), "--json"]
    code, text = call(*words)
    found = json.loads(text)
    assert code == 0
    assert found["rows_in_all"] == len(found["rows"]) == 6
    assert found["rows"][0]["n"] == 39
    assert found["facts"] == json.loads((out / "summary.json").read_text())
    assert [Path(path).exists() for path in found["written"]] == [True, True]
    code, text = call(*words)
    assert (code, json.loads(text)["error"]["kind"]) == (2, "output_exists")


def test_errors_end_with_their_kind_and_a_status(array: str, tmp_path: Path) -> None:
    cases = [
        ([str(tmp_path / "nowhere")], "not_found"),
        ([str(tmp_path / "a.zarr")], "store_format"),
        ([array, "--groups", "nonesuch"], "not_found"),
        ([array, "--statistic", "mode"], "invalid_parameter"),
        ([array, "--memory-limit", "10MB"], "out_of_memory_limit"),
    ]
    for words, kind in cases:
        code, text = call(*words, "--json")
        assert (code, json.loads(text)["error"]["kind"]) == (2, kind)


def test_a_lost_chunk_is_an_error_or_fill_values_as_asked(array: str) -> None:
    (Path(array) / "c" / "1" / "0" / "0").unlink()
    code, text = call(array, "--json")
    assert (code, json.loads(text)["error"]["kind"]) == (2, "corrupt")
    code, text = call(array, "--json", "--missing", "fill")
    assert (code, json.loads(text)["rows"][0]["minimum"]) == (0, 0.0)


def test_the_flow_gives_what_the_command_gives(array: str) -> None:
    parameters = SummarizeParameters(array=array, groups="team")
    found = summarize.fn(parameters)
    _, text = call(array, "--groups", "team", "--json")
    assert json.loads(text)["facts"]["digest"] == found.facts["digest"]


@pytest.mark.server
@pytest.mark.usefixtures("prefect_server")
def test_the_flow_runs_on_a_server(array: str) -> None:
    found = summarize(SummarizeParameters(array=array, groups="team"))
    assert found.rows_in_all == 6
    assert found.rows[0]["n"] == 39


def test_the_page_about_it_names_every_option() -> None:
    page = (ROOT / "docs/how-to/summarize-an-array.md").read_text("utf-8")
    help_text = CliRunner().invoke(app, ["summarize", "--help"], terminal_width=200)
    options = {
        word.strip("│ ,")
        for word in help_text.stdout.split()
        if word.startswith("--") and word != "--help"
    }
    assert len(options) >= 9
    assert {option for option in options if option not in page} == set()
