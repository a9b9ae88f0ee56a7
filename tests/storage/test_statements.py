"""Manifests and retractions: taken in, read back, signed, refused with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from stats.announced import clock_of, gaps_of
from stats.progress import progress
from storage.authenticity import SignaturePolicy
from storage.errors import Corrupt, Rejected
from storage.evidence_records import EVIDENCE
from storage.integrity import verify
from storage.key_store import write_keys
from storage.schema import ShardKey, Version
from storage.sign_file import sign_file
from storage.signatures import SignedHeader, sign
from storage.sources import sidecar_of
from storage.statement_staging import stage_statement
from storage.statements import Statement
from storage.store import BehaviorStore
from tasks.ledgers import dataset_rows, ledger_of
from tasks.reconcile import reconcile
from tests.storage.key_rings import first_key, private_key, ring
from tests.storage.landing import DAY, NIGHT, NOW, SCHEMA, table, take_in, write


def state(path: Path, **fields: Any) -> Path:
    """Write a statement; None takes a field out."""
    usual: dict[str, Any] = {"site": "north", "night": NIGHT, "seq": 4}
    if path.name.endswith(".manifest.json"):
        usual["parts"] = ["0"]
    said = {k: v for k, v in (usual | fields).items() if v is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said))
    return path


def test_a_manifest_is_a_row_of_the_ledger(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    path = state(
        tmp_path / "n.manifest.json", seq=4, parts=["1", "0"], agents=20,
        void=[3], seq_high=5, deps=["south/0-1"],
    )  # fmt: skip
    report = take_in(filled, path)
    assert [r.state for r in report.receipts] == ["applied"]
    fresh = BehaviorStore.open(filled.url)
    rows = dataset_rows(fresh)
    (row,) = (row for row in rows if row.kind == "manifest")
    assert (row.key, row.version) == (
        ShardKey("demo", "north", NIGHT, "manifest"), Version(0, 4),
    )  # fmt: skip
    assert fresh.shards() == tuple(r for r in rows if r.kind == "data")
    ledger = ledger_of(rows)
    (entry,) = (entry for entry in ledger.entries() if entry.kind == "manifest")
    manifest = entry.stated.manifest
    assert manifest is not None
    assert (manifest.parts, manifest.agents, manifest.void) == (("0", "1"), 20, (3,))
    assert entry.stated.deps == (("south", 0, 1),)
    assert [str(gap) for gap in gaps_of(ledger)] == ["north/0-5"]
    assert clock_of(ledger)["north"].prefix == 4
    found = {site.site: site for site in progress(ledger, NIGHT)}
    assert found["north"].agents == 20
    assert found["north"].missing == (NIGHT,), "part 1 was declared and is not here"
    again = take_in(filled, path)
    assert [r.state for r in again.receipts] == ["duplicate"]
    assert verify(fresh, full=True) == ()


def test_a_retracted_part_counts_for_nothing_and_a_past_night_is_as_it_was(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    before = filled.snapshot
    path = state(tmp_path / "x.retraction.json", part="0", reason="wrong clock")
    assert take_in(filled, path).exit_code == 0

    def counted(store: BehaviorStore) -> set[tuple[str, str]]:
        view = reconcile(store, NIGHT, nights=3, as_of=NOW)
        return {place for place in view.winners if place[1] == NIGHT}

    assert counted(filled) == {("south", NIGHT)}
    assert counted(filled.at(before)) == {("south", NIGHT), ("north", NIGHT)}
    assert verify(filled, full=True) == ()
    later = write(tmp_path / "again.parquet", table(9), seq=5)
    take_in(filled, later)
    assert counted(filled) == {("south", NIGHT), ("north", NIGHT)}


def test_statements_are_found_beside_data_and_go_in_with_them(
    store: BehaviorStore, tmp_path: Path
) -> None:
    land = tmp_path / "landing"
    write(land / "a.parquet", table(1))
    state(land / "a.manifest.json", seq=2)
    state(land / "b.retraction.json", site="south", seq=1)
    state(land / "e.manifest.json", site="probe", dataset=EVIDENCE, seq=1)
    report = take_in(store, land, archive=tmp_path / "archive")
    assert [r.state for r in report.receipts] == ["applied"] * 4
    kinds = sorted(row.kind for row in dataset_rows(store))
    assert kinds == ["data", "manifest", "retraction"]
    assert [r.kind for r in dataset_rows(store, EVIDENCE)] == ["manifest"]
    assert len(store.history()[0].metadata["shards"]) == 4
    assert not list(land.iterdir())


def test_two_manifests_of_one_version_contradict_each_other(
    store: BehaviorStore, tmp_path: Path
) -> None:
    one = state(tmp_path / "1.manifest.json")
    two = state(tmp_path / "2.manifest.json", parts=["0", "1"])
    report = take_in(store, one, two)
    assert [r.state for r in report.receipts] == ["applied", "equivocation"]
    ledger = ledger_of(dataset_rows(store))
    assert len(ledger.quarantined()) == 2


def test_without_a_version_it_gets_the_next_number(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    path = state(tmp_path / "n.manifest.json", seq=None)
    assert take_in(filled, path).receipts[0].version == Version(0, 3)


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("manifest", {"parts": None}, "missing-column", "parts"),
    ("manifest", {"site": None}, "missing-column", "site"),
    ("manifest", {"night": None}, "missing-column", "night"),
    ("manifest", {"speed": 3}, "unknown-feature", "speed"),
    ("manifest", {"parts": "0"}, "dtype", "parts"),
    ("manifest", {"parts": [0]}, "dtype", "parts"),
    ("manifest", {"parts": ["../x"]}, "unsafe-name", "parts"),
    ("manifest", {"parts": ["manifest"]}, "unsafe-name", "parts"),
    ("manifest", {"parts": [str(i) for i in range(10_001)]}, "range", "parts"),
    ("manifest", {"agents": -1}, "range", "agents"),
    ("manifest", {"agents": True}, "dtype", "agents"),
    ("manifest", {"seq_high": 2**53}, "range", "seq_high"),
    ("manifest", {"void": [1.5]}, "dtype", "void"),
    ("manifest", {"void": 3}, "dtype", "void"),
    ("manifest", {"closed": "yes"}, "dtype", "closed"),
    ("manifest", {"part": "0"}, "range", "part"),
    ("manifest", {"dataset": "other"}, "wrong-dataset", "dataset"),
    ("manifest", {"deps": ["north"]}, "range", "deps"),
    ("manifest", {"deps": [f"a/0-{i}" for i in range(65)]}, "range", "deps"),
    ("manifest", {"sha256": "0" * 64}, "hash-mismatch", "sha256"),
    ("manifest", {"seq": -1}, "range", "seq"),
    ("manifest", {"night": "2026-13-01"}, "unsafe-name", "night"),
    ("manifest", {"night": "2036-03-08"}, "clock-skew", "event_end"),
    ("manifest", {"night": "1996-03-08"}, "clock-skew", "night"),
    ("retraction", {"reason": 3}, "dtype", "reason"),
    ("retraction", {"reason": "x" * 501}, "range", "reason"),
    ("retraction", {"parts": []}, "unknown-feature", "parts"),
]


@pytest.mark.parametrize(("kind", "change", "reason", "column"), WRONG)
def test_a_malformed_statement_is_refused_before_anything_is_written(
    tmp_path: Path, kind: str, change: dict[str, Any], reason: str, column: str
) -> None:
    path = state(tmp_path / f"x.{kind}.json", **change)
    with pytest.raises(Rejected) as caught:
        stage_statement(path, "demo", now=NOW)
    assert (caught.value.reason, caught.value.column) == (reason, column)


def test_what_is_no_json_waits_in_quarantine(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    snapshot = filled.snapshot
    for i, text in enumerate(("{", "[]", "")):
        (tmp_path / f"{i}.manifest.json").write_text(text)
    report = take_in(filled, *sorted(tmp_path.glob("*.manifest.json")))
    assert [error.reason for error in report.rejected] == ["unreadable"] * 3
    assert (report.exit_code, filled.snapshot) == (2, snapshot)
    assert len(list((tmp_path / "quarantine" / "unreadable").iterdir())) == 6


def test_data_may_not_call_a_part_manifest(
    store: BehaviorStore, tmp_path: Path
) -> None:
    report = take_in(store, write(tmp_path / "a.parquet", table(1), part="manifest"))
    assert [error.reason for error in report.rejected] == ["unsafe-name"]


def test_where_signatures_are_in_use_statements_are_signed_too(
    store: BehaviorStore, tmp_path: Path
) -> None:
    registry = ring().add(first_key("north", start=NOW - DAY), at=NOW - DAY)
    write_keys(store, registry, message="a key")
    bare = state(tmp_path / "bare.retraction.json")
    assert [e.reason for e in take_in(store, bare, keep=True).rejected] == ["signature"]
    good = state(tmp_path / "good.manifest.json", seq=2, agents=7)
    sign_file(good, private_key("north"), now=NOW, schema=SCHEMA)
    report = take_in(store, good, signatures=SignaturePolicy.REQUIRE)
    assert [r.state for r in report.receipts] == ["applied"]
    (row,) = dataset_rows(store)
    assert row.status == "signed"
    forged = state(tmp_path / "forged.manifest.json", seq=2, agents=8)
    said = json.loads(sidecar_of(good).read_bytes())
    del said["sha256"]
    sidecar_of(forged).write_text(json.dumps(said))
    assert [e.reason for e in take_in(store, forged).rejected] == ["signature"]


def test_a_signature_covers_what_a_version_was_computed_from(
    store: BehaviorStore, tmp_path: Path
) -> None:
    registry = ring().add(first_key("north", start=NOW - DAY), at=NOW - DAY)
    write_keys(store, registry, message="a key")
    path = write(tmp_path / "a.parquet", table(1), deps=["south/0-1"])
    row = sign_file(path, private_key("north"), now=NOW, schema=SCHEMA)
    header = SignedHeader.of_row(row)
    assert header.deps == ("south/0-1",)
    assert sign(private_key("north"), header, row.sha256) == row.signature
    said = json.loads(sidecar_of(path).read_bytes())
    sidecar_of(path).write_text(json.dumps(said | {"deps": []}))
    refused = take_in(store, path, keep=True).rejected
    assert [e.reason for e in refused] == ["signature"]
    sidecar_of(path).write_text(json.dumps(said))
    take_in(store, path)
    (stored,) = store.shards()
    assert stored.deps == ("south/0-1",)


def test_a_statement_whose_content_is_another_is_found(
    filled: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(filled, state(tmp_path / "n.manifest.json"))
    assert verify(filled, full=True) == ()
    monkeypatch.setattr(Statement, "sha256", property(lambda self: "0" * 64))
    (finding,) = verify(filled, full=True)
    assert (finding.check, "manifest" in finding.object) == ("arrays", True)
    hashes = iter(["2" * 64, "3" * 64])
    monkeypatch.setattr(Statement, "sha256", property(lambda self: next(hashes)))
    other = state(tmp_path / "m.manifest.json", seq=9)
    with pytest.raises(Corrupt, match="did not read back"):
        take_in(filled, other)
