"""Signed files on their way into a store: what enters, what is refused, what wins."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from storage.authenticity import Authenticity, SignaturePolicy
from storage.errors import KeyRefused, Rejected
from storage.evidence import evidence_rows, read_evidence
from storage.evidence_records import EVIDENCE_TYPES
from storage.key_store import read_keys, write_keys
from storage.keys import key_id_of, public_text
from storage.sign_file import sign_file
from storage.signatures import SignedHeader, verify
from storage.sources import sidecar_of
from storage.store import BehaviorStore
from tasks.reconcile import ledger_of
from tests.storage.evidence_rows import GOOD, bad, land
from tests.storage.key_rings import first_key, private_key, ring
from tests.storage.landing import DAY, NIGHT, NOW, SCHEMA, table, take_in, write

PROBE, NORTH = private_key("probe"), private_key("north")
PROBE_ID = key_id_of(public_text(PROBE))


@pytest.fixture
def keyed(store: BehaviorStore) -> BehaviorStore:
    """Return an empty store that knows a key of the source probe and the site north."""
    registry = ring()
    for source in ("probe", "north"):
        registry = registry.add(first_key(source, start=NOW - DAY), at=NOW - DAY)
    write_keys(store, registry, message="two keys")
    return store


def signed(path: Path, rows: pd.DataFrame = GOOD, **header: Any) -> Path:
    """Land a file of evidence, signed by its source."""
    land(path, rows, **header)
    sign_file(path, PROBE, now=NOW)
    return path


def said(path: Path) -> dict[str, Any]:
    found = json.loads(sidecar_of(path).read_bytes())
    assert isinstance(found, dict)
    return found


def rewritten(path: Path, **changed: Any) -> Path:
    """Change fields of a header, or take them out with None."""
    fields = {k: v for k, v in (said(path) | changed).items() if v is not None}
    sidecar_of(path).write_text(json.dumps(fields))
    return path


def test_signed_evidence_enters_and_can_be_verified_again(
    keyed: BehaviorStore, tmp_path: Path
) -> None:
    report = take_in(keyed, signed(tmp_path / "a.parquet"))
    assert report.exit_code == 0
    (row,) = evidence_rows(keyed)
    assert (row.status, row.signer) == ("signed", PROBE_ID)
    assert str(Authenticity.of_rows([row])) == "authenticated 1 of 1 sources"
    again = read_evidence(keyed, row, verify=True)
    assert again.n == row.n
    verify(
        read_keys(keyed), SignedHeader.of_row(row), row.sha256, row.signature,
        row.signer, at=row.ingested_at,
    )  # fmt: skip


def test_signed_behaviour_enters_too(keyed: BehaviorStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", table(1))
    row = sign_file(path, NORTH, now=NOW, schema=SCHEMA)
    assert take_in(keyed, path).exit_code == 0
    (stored,) = keyed.shards()
    assert (stored.signature, stored.sha256) == (row.signature, row.sha256)
    assert stored.status == "signed"


COLUMNS = {
    "source": "probf",
    "epoch": 2,
    "agent": "b001",
    "type": next(kind for kind in EVIDENCE_TYPES if kind != GOOD["type"][3]),
    "time": int(GOOD["time"][3]) ^ 1,
    "log_ratio": float(GOOD["log_ratio"][3]) * (1 + 2**-52),
    "confidence": float(GOOD["confidence"][3]) * (1 - 2**-53),
    "seq": 10**6,
}


@pytest.mark.parametrize("column", COLUMNS)
def test_the_least_change_of_any_column_is_refused(
    keyed: BehaviorStore, tmp_path: Path, column: str
) -> None:
    assert set(GOOD.columns) == set(COLUMNS)
    path = signed(tmp_path / "a.parquet")
    if column in ("source", "epoch"):
        wrong = GOOD.assign(**{column: COLUMNS[column]})
    else:
        wrong = bad(column, COLUMNS[column])
    assert not wrong.equals(GOOD)
    wrong.to_parquet(path, index=False)
    header = {"site": None} if column == "source" else {}
    honest_hash = take_in(keyed, rewritten(path, **header), keep=True)
    assert [e.reason for e in honest_hash.rejected] == ["hash-mismatch"]
    report = take_in(keyed, rewritten(path, sha256=None), keep=True)
    if column == "source":
        assert "of probe, expected a key of probf" in str(report.rejected[0])
    assert [e.reason for e in report.rejected] == ["signature"]
    assert evidence_rows(keyed) == ()


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"night": "2026-03-09"},
        {"part": "7"},
        {"seq": 9},
        {"epoch": 1},
        {"event_end": NOW},
        {"seq": None, "epoch": None},
    ],
)
def test_a_signed_file_is_refused_under_another_header(
    keyed: BehaviorStore, tmp_path: Path, elsewhere: dict[str, Any]
) -> None:
    path = rewritten(signed(tmp_path / "a.parquet"), **elsewhere)
    (refused,) = take_in(keyed, path).rejected
    assert refused.reason == "signature"


def test_a_replay_is_a_duplicate_and_an_old_version_never_wins(
    keyed: BehaviorStore, tmp_path: Path
) -> None:
    old = signed(tmp_path / "old.parquet", bad("log_ratio", -50.0), seq=1)
    new = signed(tmp_path / "new.parquet", seq=2)
    again = tmp_path / "again.parquet"
    shutil.copy(new, again)
    shutil.copy(sidecar_of(new), sidecar_of(again))
    assert take_in(keyed, new).count("applied") == 1
    before = keyed.snapshot
    assert take_in(keyed, again).count("duplicate") == 1
    assert keyed.snapshot == before
    assert take_in(keyed, old).count("applied") == 1
    assert [row.version.seq for row in evidence_rows(keyed)] == [1, 2]
    (winner,) = ledger_of(evidence_rows(keyed)).winners()
    assert winner.seq == 2


def test_who_cannot_sign_cannot_spoil_a_version(
    keyed: BehaviorStore, tmp_path: Path
) -> None:
    take_in(keyed, signed(tmp_path / "a.parquet"))
    unsigned = land(tmp_path / "b.parquet", bad("log_ratio", -50.0))
    by_north = land(tmp_path / "c.parquet", bad("log_ratio", -50.0))
    sign_file(by_north, NORTH, now=NOW)
    report = take_in(keyed, unsigned, by_north)
    assert [e.reason for e in report.rejected] == ["signature", "signature"]
    assert "probe has registered a key" in str(report.rejected[0])
    assert "of north, expected a key of probe" in str(report.rejected[1])
    assert len(evidence_rows(keyed)) == 1


def test_a_revocation_stops_new_files_and_keeps_what_was_accepted(
    keyed: BehaviorStore, tmp_path: Path
) -> None:
    take_in(keyed, signed(tmp_path / "a.parquet"))
    late = signed(tmp_path / "b.parquet", part="1")
    registry = read_keys(keyed).revoke(PROBE_ID, since=NOW + 1, reason="stolen")
    write_keys(keyed, registry, message="revoke")
    (refused,) = take_in(keyed, late, now=NOW + 1).rejected
    assert "stolen" in str(refused)
    (row,) = evidence_rows(keyed)
    verify(
        registry, SignedHeader.of_row(row), row.sha256, row.signature, row.signer,
        at=row.ingested_at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (SignaturePolicy.REQUIRE, []),
        (SignaturePolicy.REGISTERED, ["unsigned"]),
        (SignaturePolicy.ACCEPT_UNSIGNED, ["unsigned"]),
    ],
)
def test_unsigned_sources_are_labelled_or_refused(
    store: BehaviorStore, tmp_path: Path, policy: SignaturePolicy, status: list[str]
) -> None:
    path = land(tmp_path / "a.parquet", GOOD)
    take_in(store, path, signatures=policy)
    rows = evidence_rows(store)
    assert [row.status for row in rows] == status
    label = "unauthenticated: none of 1 sources signs" if status else "no sources"
    assert str(Authenticity.of_rows(rows)) == label


def test_signing_states_all_of_the_header_and_keeps_the_rest(tmp_path: Path) -> None:
    path = signed(tmp_path / "a.parquet", note="by hand")
    first = said(path)
    assert first["note"] == "by hand"
    assert (first["site"], first["night"], first["n"]) == ("probe", NIGHT, 50)
    assert {"dataset", "part", "epoch", "seq", "event_end", "sha256"} <= set(first)
    sign_file(path, PROBE, now=NOW)
    assert said(path) == first
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".new"] == []


def test_what_cannot_be_signed_is_refused_and_leaves_the_header(tmp_path: Path) -> None:
    unversioned = land(tmp_path / "a.parquet", GOOD, seq=None)
    with pytest.raises(Rejected, match="no version"):
        sign_file(unversioned, PROBE, now=NOW)
    stale = land(tmp_path / "b.parquet", GOOD, sha256="0" * 64)
    with pytest.raises(Rejected, match="hash-mismatch"):
        sign_file(stale, PROBE, now=NOW)
    behaviour = write(tmp_path / "c.parquet", table(1))
    with pytest.raises(KeyRefused, match="no schema"):
        sign_file(behaviour, NORTH, now=NOW)
    assert all("signature" not in said(p) for p in (unversioned, stale, behaviour))


def test_one_signature_and_one_pass_for_a_shard(
    keyed: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed(tmp_path / "a.parquet")
    sizes: list[int] = []

    def counted(public: str, message: bytes, signature: str) -> bool:
        sizes.append(len(message))
        return bool(public and signature)

    monkeypatch.setattr("storage.signatures.verifies", counted)
    assert take_in(keyed, path).exit_code == 0
    assert len(sizes) == 1
    assert sizes[0] < 600
