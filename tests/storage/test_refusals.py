"""Every reason to refuse a file: typed, in quarantine, and the store untouched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from storage import staging
from storage.errors import REASONS, Rejected
from storage.ingest import landing_files, quarantine_list
from storage.staging import stage
from storage.store import BehaviorStore
from tests.storage.landing import (
    DAY,
    NIGHT,
    NOW,
    SCHEMA,
    fingerprint,
    table,
    take_in,
    write,
)

GOOD = table(9)


def put(column: str, value: Any, row: int = 2) -> pd.DataFrame:
    """Set one field; the column takes whatever type that needs."""
    changed = GOOD.copy()
    if isinstance(value, str):
        changed[column] = changed[column].astype(object)
    changed.loc[row, column] = value
    return changed


def second_team() -> pd.DataFrame:
    """Add a row: an agent with a time to spare joins another team."""
    times = GOOD.groupby("agent").time.agg(set)
    agent = next(a for a, seen in times.items() if len(seen) < len(SCHEMA.times))
    spare = min(set(SCHEMA.times) - times[agent])
    row = GOOD[GOOD.agent == agent].iloc[:1].assign(team="elsewhere", time=spare)
    return pd.concat([GOOD, row], ignore_index=True)


def second_entity() -> pd.DataFrame:
    changed = second_team()
    changed["team"] = "same"
    changed.loc[len(changed) - 1, "entity"] = "another"
    return changed


def plain(frame: pd.DataFrame, **header: Any) -> Callable[[Path], Path]:
    return lambda land: write(land / "bad.parquet", frame, **header)


def text(frame: pd.DataFrame, **header: Any) -> Callable[[Path], Path]:
    return lambda land: write(land / "bad.csv", frame, **header)


def raw(content: bytes, name: str = "bad.csv") -> Callable[[Path], Path]:
    def make(land: Path) -> Path:
        path = write(land / name, GOOD) if name != "bad.txt" else land / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return make


def truncated(land: Path) -> Path:
    path = write(land / "bad.parquet", GOOD)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def broken_sidecar(land: Path) -> Path:
    path = write(land / "bad.parquet", GOOD)
    path.with_name("bad.parquet.shard.json").write_text("{")
    return path


HEAD = b"agent,entity,team,time,speed,load\n"
# reason, column, first row at fault (None: the whole file), how to make the file
CASES: list[tuple[str, str, int | None, Callable[[Path], Path]]] = [
    ("missing-column", "load", None, plain(GOOD.drop(columns="load"))),
    ("missing-column", "team", None, text(GOOD.drop(columns="team"))),
    ("missing-column", "site", None, plain(GOOD, site=None)),
    ("missing-column", "night", None, plain(GOOD, night=None)),
    ("unknown-feature", "novel", None, plain(GOOD.assign(novel=1.0))),
    ("dtype", "speed", None, plain(GOOD.assign(speed=GOOD.time > 3))),
    ("dtype", "load", 3, text(put("load", "fast"))),
    ("dtype", "load", 3, text(put("load", "1,5"))),
    ("dtype", "load", 3, text(put("load", "9007199254740993"))),
    ("dtype", "load", 1, plain(GOOD.assign(load=2**53 + 1))),
    ("dtype", "agent", 3, text(put("agent", ""))),
    ("dtype", "agent", 3, plain(put("agent", "a\0"))),
    ("dtype", "team", None, plain(GOOD.assign(team=1.5))),
    ("dtype", "time", None, plain(GOOD.assign(time=GOOD.time + 0.5))),
    ("dtype", "n", None, plain(GOOD, n="many")),
    ("dtype", "event_end", None, plain(GOOD, event_end="2026-03-09T00:00:00")),
    ("duplicate-row", "agent", len(GOOD) + 1, plain(pd.concat([GOOD, GOOD.iloc[:1]]))),
    ("agent-in-two-teams", "team", len(GOOD) + 1, plain(second_team())),
    ("agent-in-two-teams", "entity", len(GOOD) + 1, plain(second_entity())),
    ("non-finite", "load", 3, plain(put("load", np.inf))),
    ("non-finite", "load", 3, text(put("load", "-inf"))),
    ("non-finite", "load", 3, text(put("load", "1e400"))),
    ("range", "speed", 3, plain(put("speed", -0.5))),
    ("range", "speed", 3, text(put("speed", 1000.5))),
    ("range", "seq", None, plain(GOOD, seq=2**53)),
    ("empty", "", None, raw(b"")),
    ("empty", "", None, raw(HEAD)),
    ("empty", "", None, plain(GOOD.iloc[:0])),
    ("unreadable", "", None, truncated),
    ("unreadable", "", None, broken_sidecar),
    ("unreadable", "", None, raw(HEAD + b"a,e,t,0,1\n")),
    ("unreadable", "", None, raw(HEAD + b"a\xff,e,t,0,1,1\n")),
    ("unreadable", "", None, raw(HEAD.replace(b"load", b"speed") + b"a,e,t,0,1,1\n")),
    ("unreadable", "", None, raw(b"x", "bad.txt")),
    ("unreadable", "", None, lambda land: land / "absent.parquet"),
    ("unsafe-name", "site", None, plain(GOOD, site="../north")),
    ("unsafe-name", "part", None, plain(GOOD, part="a b")),
    ("unsafe-name", "night", None, plain(GOOD, night="8 March")),
    ("wrong-dataset", "dataset", None, plain(GOOD, dataset="other")),
    ("night-mismatch", "night", None, plain(GOOD.assign(night="2026-03-07"))),
    ("night-mismatch", "event_end", None, plain(GOOD, event_end=NOW - 9 * DAY)),
    ("clock-skew", "event_end", None, plain(GOOD, event_end=NOW + 26 * DAY // 24)),
    ("clock-skew", "night", None, plain(GOOD, night="2024-12-01")),
    ("time-axis", "time", 3, plain(put("time", 7))),
    ("time-axis", "time", 3, text(put("time", "noon"))),
    ("hash-mismatch", "sha256", None, plain(GOOD, sha256="0" * 64)),
    ("hash-mismatch", "n", None, plain(GOOD, n=1)),
]


@pytest.mark.parametrize(("reason", "column", "row", "make"), CASES)
def test_a_bad_file_is_refused_and_the_store_is_byte_identical(
    filled: BehaviorStore,
    tmp_path: Path,
    reason: str,
    column: str,
    row: int | None,
    make: Callable[[Path], Path],
) -> None:
    bad = make(tmp_path / "late")
    before = filled.snapshot, fingerprint(tmp_path / "store")
    report = take_in(filled, bad)
    after = BehaviorStore.open(filled.url)
    assert (after.snapshot, fingerprint(tmp_path / "store")) == before
    assert report.exit_code == 2
    assert report.receipts == ()
    (error,) = report.rejected
    assert (error.reason, error.column) == (reason, column)
    assert error.rows[:1] == (() if row is None else (row,))
    assert len(error.rows) <= 5
    assert str(bad) in error.source
    assert error.value
    assert error.expected
    assert error.remedy.endswith(".")
    (entry,) = quarantine_list(tmp_path / "quarantine")
    assert entry.file == tmp_path / "quarantine" / reason / bad.name
    assert (entry.reason, entry.message) == (reason, str(error))
    reason_file = entry.file.with_name(f"{bad.name}.reason.json")
    assert json.loads(reason_file.read_text())["remedy"] == error.remedy
    assert not bad.exists()


def test_every_reason_is_shown_above_or_below() -> None:
    shown = {reason for reason, *_ in CASES}
    of_evidence = {"signature", "unknown-type"}
    assert shown | {"changed-while-reading"} | of_evidence == set(REASONS)


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.csv", GOOD)
    real = staging.read_table

    def read_and_append(source: Path) -> Any:
        found = real(source)
        with source.open("ab") as file:
            file.write(b"late,e,t,0,1,1\n")
        return found

    monkeypatch.setattr(staging, "read_table", read_and_append)
    with pytest.raises(Rejected) as caught:
        stage(path, SCHEMA, now=NOW)
    assert caught.value.reason == "changed-while-reading"


def test_good_files_of_a_batch_commit_together_beside_bad_ones(
    store: BehaviorStore, tmp_path: Path
) -> None:
    good = write(tmp_path / "in" / "a.parquet", GOOD)
    bad = write(tmp_path / "in" / "b.parquet", GOOD.drop(columns="load"), site="south")
    report = take_in(store, tmp_path / "in")
    assert report.exit_code == 1
    assert [r.state for r in report.receipts] == ["applied"]
    assert [row.key.site for row in store.shards()] == ["north"]
    assert (good.exists(), bad.exists()) == (True, False)
    (entry,) = quarantine_list(tmp_path / "quarantine")
    assert (entry.site, entry.reason) == ("south", "missing-column")
    assert entry.file.with_name("b.parquet.shard.json").exists()
    assert landing_files([tmp_path / "in"]) == [good]


def test_the_first_five_rows_at_fault_are_named(tmp_path: Path) -> None:
    frame = GOOD.assign(speed=-1.0)
    with pytest.raises(Rejected) as caught:
        stage(write(tmp_path / "a.parquet", frame), SCHEMA, now=NOW)
    assert caught.value.rows == (1, 2, 3, 4, 5)
    assert caught.value.value == "-1.0, -1.0, -1.0, -1.0, -1.0"
    assert caught.value.expected == "0.0 to 1000.0 m/s"


def test_an_incomplete_row_counts_as_present_and_has_no_values(tmp_path: Path) -> None:
    import dataclasses

    path = write(tmp_path / "a.parquet", GOOD)
    whole = stage(path, dataclasses.replace(SCHEMA, complete_rows=True), now=NOW)
    part = stage(path, SCHEMA, now=NOW)
    complete = int(GOOD.notna().all(axis=1).sum())
    assert complete < len(GOOD)
    assert part.shard.row.observed == (len(GOOD), complete)
    assert whole.shard.row.observed == (complete, complete)
    assert (whole.shard.row.n, part.shard.row.n) == (len(GOOD), len(GOOD))


def test_a_historical_dataset_takes_old_nights_but_not_future_ones(
    tmp_path: Path,
) -> None:
    import dataclasses

    archive = dataclasses.replace(SCHEMA, historical=True)
    old = write(tmp_path / "a.parquet", GOOD, night="1999-12-31")
    assert stage(old, archive, now=NOW).shard.row.key.night == "1999-12-31"
    ahead = write(tmp_path / "b.parquet", GOOD, night="2026-03-09")
    for schema in (SCHEMA, archive):
        with pytest.raises(Rejected, match="clock-skew"):
            stage(ahead, schema, now=NOW)
    assert stage(ahead, SCHEMA, now=NOW + DAY).shard.row.key.night > NIGHT
