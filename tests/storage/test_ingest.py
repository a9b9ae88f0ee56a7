import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from storage.errors import StorageError
from storage.ingest import quarantine_list
from storage.schema import ShardKey, Version
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


def test_what_was_delivered_is_what_is_read(
    store: BehaviorStore, tmp_path: Path
) -> None:
    frame = table(1)
    end = "2026-03-09T05:00:00+00:00"
    take_in(store, write(tmp_path / "a.parquet", frame, seq=7, event_end=end))
    (row,) = store.shards()
    assert (row.key, row.version) == (ShardKey("demo", "north", NIGHT), Version(0, 7))
    assert (row.event_end, row.ingested_at) == (20_521 * DAY + 5 * DAY // 24, NOW)
    assert (row.n, row.agents) == (len(frame), frame.agent.nunique())
    assert row.observed == (len(frame), int(frame.load.notna().sum()))
    data = store.read(row, verify=True)
    found = {
        (str(data.agents[i]), int(data.times[t])): (
            str(data.entities[i]),
            str(data.team_names[data.team[i]]),
            *data.values[i, t].tolist(),
        )
        for i, t in zip(*np.nonzero(data.count), strict=True)
    }
    expected = {
        (r.agent, r.time): (r.entity, r.team, r.speed, r.load)
        for r in frame.itertuples()
    }
    assert found.keys() == expected.keys()
    for cell, (entity, team, speed, load) in expected.items():
        assert found[cell][:3] == (entity, team, speed)
        assert found[cell][3] == load or np.isnan([found[cell][3], load]).all()
    assert np.isnan(data.values[data.count == 0]).all()


def test_the_same_night_twice_is_a_no_op(filled: BehaviorStore, tmp_path: Path) -> None:
    before = filled.snapshot, fingerprint(tmp_path / "store")
    report = take_in(filled, tmp_path / "landing")
    assert [r.state for r in report.receipts] == ["duplicate"] * 3
    assert (report.exit_code, report.snapshot) == (0, before[0])
    assert (filled.snapshot, fingerprint(tmp_path / "store")) == before


def test_the_same_rows_in_another_order_and_format_are_a_no_op(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    mixed = table(1).sample(frac=1.0, random_state=5)
    report = take_in(filled, write(tmp_path / "again.csv", mixed))
    assert [r.state for r in report.receipts] == ["duplicate"]


def test_a_correction_is_a_higher_version_and_both_stay(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    report = take_in(filled, write(tmp_path / "v2.parquet", table(8), seq=3))
    assert [r.state for r in report.receipts] == ["applied"]
    versions = [row.version.seq for row in filled.shards(site="north", night=NIGHT)]
    assert versions == [1, 3]


def test_other_content_under_a_known_version_is_kept_beside_it(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    other = write(tmp_path / "other.parquet", table(8))
    report = take_in(filled, other)
    assert [r.state for r in report.receipts] == ["equivocation"]
    assert report.exit_code == 1
    rows = filled.shards(site="north", night=NIGHT)
    assert len({row.sha256 for row in rows}) == 2
    paths = {row.path for row in rows}
    mine = report.receipts[0].sha256
    place = f"shards/demo/north/{NIGHT}/0/0-1"
    assert paths == {place, f"{place}-{mine[:12]}"}
    for row in rows:
        filled.read(row, verify=True)
    again = take_in(filled, other)
    assert [r.state for r in again.receipts] == ["duplicate"]


def test_two_contents_of_one_version_in_one_batch(
    store: BehaviorStore, tmp_path: Path
) -> None:
    report = take_in(
        store,
        write(tmp_path / "a.parquet", table(1)),
        write(tmp_path / "b.parquet", table(1)),
        write(tmp_path / "c.parquet", table(2)),
    )
    states = [r.state for r in report.receipts]
    assert states == ["applied", "duplicate", "equivocation"]
    assert len(store.shards()) == 2


def test_files_without_a_version_get_the_next_number_of_their_site_once(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    paths = [
        write(tmp_path / "x.csv", table(5), seq=None),
        write(tmp_path / "y.csv", table(6), seq=None),
        write(tmp_path / "z.csv", table(6), seq=None, site="south"),
    ]
    report = take_in(filled, *paths)
    assert [str(r.version) for r in report.receipts] == ["0-3", "0-4", "0-2"]
    assert {r.issuer for r in filled.shards() if r.version.seq > 2} == {"ingest"}
    again = take_in(filled, *paths)
    assert [r.state for r in again.receipts] == ["duplicate"] * 3
    assert [r.version for r in again.receipts] == [r.version for r in report.receipts]


def test_headers_from_metadata_columns_and_options(
    store: BehaviorStore, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    wide = pa.Table.from_pandas(table(1), preserve_index=False)
    said = json.dumps({"site": "east", "night": NIGHT, "seq": 4}).encode()
    named = wide.replace_schema_metadata({b"consilience.shard": said})
    pyarrow.parquet.write_table(named, path)
    columns = tmp_path / "b.csv"
    table(2).assign(site="west", night=NIGHT).to_csv(columns, index=False)
    bare = tmp_path / "c.csv"
    table(3).to_csv(bare, index=False)
    take_in(store, path, columns)
    take_in(store, bare, options={"site": "far", "night": NIGHT, "part": "p1"})
    keys = {(r.key.site, r.key.part, r.version.seq) for r in store.shards()}
    assert keys == {("east", "0", 4), ("west", "0", 1), ("far", "p1", 1)}


def test_strict_refuses_all_when_one_is_refused(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    good = write(tmp_path / "good.parquet", table(7), seq=9)
    bad = write(tmp_path / "bad.parquet", table(7).drop(columns="load"))
    before = filled.snapshot, fingerprint(tmp_path / "store")
    report = take_in(filled, good, bad, strict=True)
    assert (report.exit_code, report.receipts, len(report.rejected)) == (2, (), 1)
    assert (filled.snapshot, fingerprint(tmp_path / "store")) == before
    assert take_in(filled, good, strict=True).exit_code == 0


def test_a_dry_run_says_what_would_happen_and_touches_nothing(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    new = write(tmp_path / "in" / "a.parquet", table(7), seq=9)
    known = write(tmp_path / "in" / "b.parquet", table(1))
    write(tmp_path / "in" / "c.parquet", table(7).drop(columns="load"))
    before = fingerprint(tmp_path)
    reader = BehaviorStore.open(filled.url)
    report = take_in(reader, tmp_path / "in", dry_run=True)
    assert [r.state for r in report.receipts] == ["applied", "duplicate"]
    assert [e.reason for e in report.rejected] == ["missing-column"]
    assert (report.exit_code, fingerprint(tmp_path)) == (1, before)
    with pytest.raises(StorageError, match="mode 'a'"):
        take_in(reader, new, known)


def test_committed_files_move_to_the_archive_with_their_sidecars(
    store: BehaviorStore, tmp_path: Path
) -> None:
    land = tmp_path / "in"
    write(land / "a.parquet", table(1))
    write(land / "b.parquet", table(1))
    take_in(store, land, archive=tmp_path / "done")
    assert list(land.iterdir()) == []
    assert sorted(p.name for p in (tmp_path / "done").iterdir()) == [
        "a.parquet", "a.parquet.shard.json", "b.parquet", "b.parquet.shard.json",
    ]  # fmt: skip


def test_a_known_stated_hash_spares_the_reading(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    row = filled.shards(site="south")[0]
    path = tmp_path / "b.parquet"
    path.write_bytes(b"not read")
    header = {"site": "south", "night": NIGHT, "seq": 1, "sha256": row.sha256}
    path.with_name("b.parquet.shard.json").write_text(json.dumps(header))
    known = take_in(filled, path, skip_known=True)
    assert [(r.state, r.n) for r in known.receipts] == [("duplicate", row.n)]
    read = take_in(filled, path)
    assert [e.reason for e in read.rejected] == ["unreadable"]


def test_commits_are_batches_and_progress_counts_files(
    store: BehaviorStore, tmp_path: Path
) -> None:
    for i in range(5):
        write(tmp_path / "in" / f"{i}.parquet", table(i), site=f"s{i}")
    seen: list[tuple[int, int]] = []
    take_in(store, tmp_path / "in", batch=2, progress=lambda *p: seen.append(p))
    assert seen == [(i, 5) for i in range(1, 6)]
    messages = [c.message for c in store.history() if c.message.startswith("ingest")]
    assert messages == ["ingest 1 shards", "ingest 2 shards", "ingest 2 shards"]
    newest = store.history()[0].metadata
    assert newest["shards"] == [f"demo/s4/{NIGHT}/0/0-1"]


def test_copies_in_quarantine_do_not_pile_up(
    store: BehaviorStore, tmp_path: Path
) -> None:
    bad = write(tmp_path / "in" / "a.parquet", table(1).drop(columns="load"))
    for _ in range(3):
        take_in(store, bad, keep=True)
    assert bad.exists()
    assert len(quarantine_list(tmp_path / "quarantine")) == 1
    write(bad, table(2).drop(columns="load"))
    take_in(store, bad)
    names = [entry.file.name for entry in quarantine_list(tmp_path / "quarantine")]
    assert names == ["a.2.parquet", "a.parquet"]
    assert quarantine_list(tmp_path / "nowhere") == ()


def test_nothing_to_do_is_no_failure(store: BehaviorStore) -> None:
    report = take_in(store)
    assert (report.exit_code, report.snapshot) == (0, store.snapshot)
    assert repr(report) == (
        "IngestReport: n=0 | applied=0 | duplicate=0 | equivocation=0 | rejected=0 | "
        "exit_code=0"
    )
    assert SCHEMA.dataset == store.schema.dataset
