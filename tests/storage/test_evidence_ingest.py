"""Landing files of evidence: every format the same shard, every fault its reason."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from storage import evidence_files, evidence_staging
from storage.errors import Rejected
from storage.evidence import evidence_rows, read_evidence
from storage.evidence_files import is_evidence
from storage.evidence_records import EvidenceData
from storage.evidence_staging import stage_evidence
from storage.quarantine import quarantine_list
from storage.shards import Shard
from storage.store import BehaviorStore
from tests.storage.evidence_rows import GOOD, START, bad, evidence, frame, land, same
from tests.storage.landing import DAY, NOW, table, take_in, write


def staged(path: Path, **options: Any) -> Shard:
    return stage_evidence(path, now=NOW, options=options).shard


def content(path: Path, **options: Any) -> EvidenceData:
    data = staged(path, **options).data
    assert isinstance(data, EvidenceData)
    return data


@pytest.mark.parametrize("ending", ["parquet", "csv", "feather", "arrow"])
def test_every_format_and_order_gives_the_same_shard(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_files, "BATCH_ROWS", 8)
    mixed = GOOD.sample(frac=1, random_state=3)[sorted(GOOD.columns)]
    found = content(land(tmp_path / f"a.{ending}", mixed))
    same(found, evidence(1))


def test_names_come_from_dictionaries_that_differ_from_batch_to_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = land(tmp_path / "a.parquet", GOOD)
    whole = pa.Table.from_pandas(GOOD)
    parts = [whole.slice(at, 10) for at in range(0, 50, 10)]
    for name in ("agent", "type", "source"):
        place = whole.schema.get_field_index(name)
        parts = [p.set_column(place, name, p[name].dictionary_encode()) for p in parts]
    with pa.parquet.ParquetWriter(path, parts[0].schema) as writer:
        for part in parts:
            writer.write_table(part)
    same(content(path), evidence(1))
    monkeypatch.setattr(evidence_files, "BATCH_ROWS", 7)
    same(content(path), evidence(1))
    arrow = path.with_suffix(".arrow")
    with pa.ipc.new_file(
        arrow, parts[0].schema,
        options=pa.ipc.IpcWriteOptions(unify_dictionaries=True),
    ) as file:  # fmt: skip
        file.write_table(pa.concat_tables(parts))
    same(content(arrow, night="2026-03-08"), evidence(1))


TIMES: dict[str, Callable[[pd.Series], Any]] = {
    "timestamps without a zone": pd.to_datetime,
    "timestamps with a zone": lambda t: pd.to_datetime(t, utc=True).dt.tz_convert(
        "Asia/Tokyo"
    ),
    "ISO text": lambda t: pd.to_datetime(t, utc=True).map(lambda m: m.isoformat()),
    "text": lambda t: t.astype(str),
}


@pytest.mark.parametrize("make", TIMES.values(), ids=TIMES)
def test_times_may_be_written_in_several_ways(
    tmp_path: Path, make: Callable[[pd.Series], Any]
) -> None:
    rows = GOOD.assign(time=make(GOOD["time"]))
    same(content(land(tmp_path / "a.parquet", rows)), evidence(1))


def test_whole_numbers_may_be_agents_and_ratios(tmp_path: Path) -> None:
    rows = GOOD.assign(agent=np.arange(50) % 3 + 7, log_ratio=np.arange(50) - 20)
    found = content(land(tmp_path / "a.parquet", rows))
    assert found.agent_names.tolist() == ["7", "8", "9"]
    np.testing.assert_array_equal(found.log_ratio, np.arange(50.0) - 20)


def test_hypotheses_are_those_of_the_rows_or_of_the_header(tmp_path: Path) -> None:
    rows = GOOD.assign(hypothesis=np.where(np.arange(50) % 2, "slow", "broken"))
    found = content(land(tmp_path / "a.parquet", rows))
    assert found.hypotheses == ("broken", "slow")
    np.testing.assert_array_equal(found.hypothesis, np.arange(50) % 2)
    more = ["slow", "asleep", "broken"]
    found = content(land(tmp_path / "b.parquet", rows, hypotheses=more))
    assert found.hypotheses == ("asleep", "broken", "slow")
    np.testing.assert_array_equal(found.hypothesis, np.arange(50) % 2 + 1)


def test_the_end_of_events_is_the_midnight_or_the_last_row(tmp_path: Path) -> None:
    path = land(tmp_path / "a.parquet", GOOD)
    assert staged(path).row.event_end == START + DAY
    late = land(tmp_path / "b.parquet", GOOD.assign(time=START + DAY + DAY // 4))
    assert staged(late).row.event_end == START + DAY + DAY // 4 + 1
    assert staged(path, event_end=START + 5).row.event_end == START + 5


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = land(tmp_path / "a.csv", GOOD)
    real = evidence_files.evidence_batches

    def read_and_append(source: Path) -> Any:
        yield from real(source)
        with source.open("ab") as file:
            file.write(b"late\n")

    monkeypatch.setattr(evidence_staging, "evidence_batches", read_and_append)
    with pytest.raises(Rejected) as caught:
        staged(path)
    assert caught.value.reason == "changed-while-reading"


def test_files_of_evidence_are_recognised(tmp_path: Path) -> None:
    path = land(tmp_path / "a.parquet", GOOD)
    behaviour = write(tmp_path / "b.csv", table(1))
    assert (is_evidence(path, {}), is_evidence(behaviour, {})) == (True, False)
    assert is_evidence(land(tmp_path / "c.csv", GOOD, dataset="demo"), {}) is False
    named = write(tmp_path / "d.csv", table(1), dataset="evidence")
    assert is_evidence(named, {}) is True
    assert is_evidence(behaviour, {"dataset": "evidence"}) is True
    assert is_evidence(tmp_path / "absent.csv", {}) is False


def test_good_files_commit_together_and_bad_ones_wait_in_quarantine(
    store: BehaviorStore, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    land(folder / "a.parquet", GOOD)
    write(folder / "b.csv", table(1))
    land(folder / "c.csv", bad("confidence", 2.0), site="probe")
    land(folder / "d.feather", frame(evidence(2, source="spy")), seq=None)
    report = take_in(store, folder)
    assert (report.exit_code, report.count("applied")) == (1, 3)
    assert len({receipt.snapshot for receipt in report.receipts}) == 1
    (entry,) = quarantine_list(tmp_path / "quarantine")
    assert (entry.site, entry.reason) == ("probe", "range")
    rows = evidence_rows(store)
    assert [(r.key.site, r.issuer) for r in rows] == [
        ("probe", "site"),
        ("spy", "ingest"),
    ]
    same(read_evidence(store, rows[0], verify=True), evidence(1))
    again = take_in(store, folder, skip_known=True)
    assert (again.exit_code, again.count("duplicate")) == (0, 3)
    assert again.snapshot == report.snapshot


def test_a_known_hash_is_believed_without_reading(
    store: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = land(tmp_path / "a.parquet", GOOD)
    (receipt,) = take_in(store, path).receipts
    said = {"dataset": "evidence", "site": "probe", "sha256": receipt.sha256}
    land(path, GOOD, **said)
    monkeypatch.delattr(evidence_staging, "evidence_batches")
    assert take_in(store, path, skip_known=True).count("duplicate") == 1


def test_metadata_of_parquet_are_a_header(tmp_path: Path) -> None:
    header = json.dumps({"night": "2026-03-08", "seq": 7, "part": "late"})
    given = pa.Table.from_pandas(GOOD).replace_schema_metadata(
        {b"consilience.shard": header.encode()}
    )
    pa.parquet.write_table(given, tmp_path / "a.parquet")
    row = staged(tmp_path / "a.parquet").row
    assert (row.key.part, row.version.seq, row.issuer) == ("late", 7, "site")
