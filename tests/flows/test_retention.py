"""The commands `retain`, `gc` and `hold`: dry first, settable, and loud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.retention_parameters import RetentionParameters
from storage.store import BehaviorStore
from tasks.retention_policy import RetentionPolicy
from tests.storage.landing import SCHEMA, table, take_in, write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home whose store has three nights, far apart."""
    store = BehaviorStore.create(str(tmp_path / "store"), SCHEMA)
    nights = ("2026-01-01", "2026-03-01", "2026-03-08")
    files = [
        write(tmp_path / "in" / f"{k}.parquet", table(k), night=night, seq=k + 1)
        for k, night in enumerate(nights)
    ]
    assert take_in(store, *files).exit_code == 0
    return tmp_path


def call(home: Path, *words: str) -> tuple[int, dict]:
    found = CliRunner().invoke(app, [*words, "--home", str(home), "--json"])
    return found.exit_code, json.loads(found.stdout)


def snapshot(home: Path) -> str:
    return BehaviorStore.open(str(home / "store")).snapshot


def test_the_tiers_are_set_in_a_file_and_nothing_goes_untold(home: Path) -> None:
    before = snapshot(home)
    code, found = call(home, "retain")
    assert (code, found["applied"], found["drop_shards"]) == (0, False, 1)
    (home / "retention.yaml").write_text("values: 7\nhistory: 7\n")
    words = ["hold", "add", "case", "--reason", "odd", "--owner", "ana"]
    code, found = call(home, *words, "--since", "2026-03-01", "--until", "2026-03-02")
    assert (code, found["shards"]) == (0, 1)
    assert call(home, *words)[1]["error"]["kind"] == "conflict"
    assert call(home, "hold", "list")[1]["holds"][0]["owner"] == "ana"
    code, found = call(home, "retain", "--apply")
    assert (code, found["drop_shards"], found["drop_bytes"] > 0) == (0, 1, True)
    assert snapshot(home) != before
    tiers = {name: tier["shards"] for name, tier in found["tiers"].items()}
    assert tiers == {"complete": 2, "values": 0, "summaries": 1, "archived": 0}
    assert call(home, "hold", "release", "case")[0] == 0
    assert call(home, "hold", "release", "case")[1]["error"]["kind"] == "not_found"
    for apply in ((), ("--apply",)):
        code, found = call(home, "gc", *apply)
        assert (code, found["applied"], found["bytes"]) == (0, bool(apply), 0)
    said = CliRunner().invoke(app, ["retain", "--home", str(home)])
    assert (said.exit_code, "--apply does it" in said.stdout) == (0, True)
    assert call(home, "verify")[1]["findings"] == []


def test_a_policy_that_makes_no_sense_is_refused(home: Path, tmp_path: Path) -> None:
    assert RetentionParameters().policy() == RetentionPolicy()
    file = tmp_path / "other.yaml"
    for text, kind in (
        ("values: 500", "invalid_parameter"),
        ("vales: 5", "invalid_parameter"),
        ("values: [", "invalid_input"),
    ):
        file.write_text(text)
        code, found = call(home, "retain", "--policy", str(file), "--apply")
        assert (code, found["error"]["kind"]) == (2, kind)
    words = ["hold", "add", "x", "--reason", "x", "--owner", "x", "--since", "May"]
    assert call(home, *words)[1]["error"]["kind"] == "invalid_parameter"
