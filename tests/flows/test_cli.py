"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.cli import app
from storage.evidence import evidence_rows
from storage.store import BehaviorStore
from tests.homes import CLOCK, LAST, MISSING_SITE, shard, write_shard
from tests.storage.evidence_rows import evidence, frame, land

pytestmark = [
    pytest.mark.server,
    pytest.mark.usefixtures("prefect_server"),
]
NIGHT = ["nightly", "--night", LAST, "--cluster", "threads", "--now", CLOCK]


def call(*words: str) -> tuple[int, dict]:
    found = CliRunner().invoke(app, [*words, "--json"])
    return found.exit_code, json.loads(found.stdout.strip().splitlines()[-1])


def snapshot(home: Path) -> str:
    return BehaviorStore.open(str(home / "store")).snapshot


def test_bad_files_are_refused_by_name_and_change_nothing(home, tmp_path):
    good = write_shard(tmp_path / "in", MISSING_SITE, LAST)
    column = write_shard(tmp_path / "in", "west", LAST, seq=2)
    shard("west", LAST).drop(columns="errors").to_parquet(column)
    cut = write_shard(tmp_path / "in", "north", LAST, seq=2)
    cut.write_bytes(cut.read_bytes()[:200])
    before = snapshot(home)
    args = ["ingest", "--home", str(home), "--now", CLOCK]
    code, found = call(*args, "--keep", str(column), str(cut))
    assert (code, found["refused"], snapshot(home)) == (2, 2, before)
    reasons = {f["reason"] for f in found["refused_files"]}
    assert reasons == {"missing-column", "unreadable"}
    assert any("errors" in f["what"] for f in found["refused_files"])
    code, found = call(*args, str(good), str(column))
    assert (code, found["applied"], found["refused"]) == (1, 1, 1)
    assert snapshot(home) != before
    code, listed = call("status", "--home", str(home))
    assert code == 0
    assert {q["reason"] for q in listed["quarantine"]} == reasons


def test_evidence_is_taken_in_beside_behaviour_and_leaves_the_night_alone(
    home, tmp_path
):
    behaviour = BehaviorStore.open(str(home / "store")).shards()
    start = pd.Timestamp(LAST).value
    rows = frame(evidence(1)).assign(time=start + np.arange(50))
    good = land(tmp_path / "in" / "a.parquet", rows, night=LAST)
    odd = land(tmp_path / "in" / "b.csv", rows.drop(columns="source"), night=LAST)
    args = ["ingest", "--home", str(home), "--now", CLOCK, "--keep"]
    code, found = call(*args, str(good), str(odd))
    assert (code, found["applied"]) == (1, 1)
    assert [f["column"] for f in found["refused_files"]] == ["site"]
    code, found = call(*args, str(good), str(odd), "--evidence")
    assert (code, found["known"]) == (1, 1)
    assert [f["column"] for f in found["refused_files"]] == ["source"]
    store = BehaviorStore.open(str(home / "store"))
    assert store.shards() == behaviour
    assert [row.n for row in evidence_rows(store)] == [50]
    _, listed = call("status", "--home", str(home))
    assert listed["sources"]["probe"]["rows"] == 50
    assert CliRunner().invoke(app, ["status", "--home", str(home)]).exit_code == 0


def test_errors_end_with_their_kind_a_remedy_and_a_status(home, tmp_path):
    code, found = call("status", "--home", str(tmp_path / "nowhere"))
    assert (code, found["error"]["kind"]) == (2, "not_found")
    code, found = call("nightly", "--home", str(home), "--night", "tomorrow")
    assert (code, found["error"]["kind"]) == (2, "invalid_parameter")
    code, found = call(*NIGHT, "--home", str(home), "--cluster", "nonesuch")
    assert (code, found["error"]["kind"]) == (2, "cluster")


def test_a_failed_verdict_ends_with_status_one_and_publishes_nothing(home, monkeypatch):
    def broken(*args):
        raise TypeError("planted")

    monkeypatch.setattr("tasks.check_numbers.cluster_interval", broken)
    code, found = call(*NIGHT, "--home", str(home))
    assert (code, found["error"]["kind"]) == (1, "verdict_failed")
    assert "intervals error: TypeError: planted" in found["error"]["what"]
    assert (home / "reports" / LAST / "failed" / "index.html").exists()
    assert BehaviorStore.open(str(home / "store")).tags() == ()
