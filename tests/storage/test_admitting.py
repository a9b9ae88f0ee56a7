"""Signatures of landing files: verified by keys of the store, kept in the ledger."""

import json
from pathlib import Path

import pytest

from storage.authenticity import SignaturePolicy
from storage.evidence import evidence_rows
from storage.evidence_staging import stage_evidence
from storage.ingest import stage
from storage.key_registry import KeyRegistry
from storage.key_store import write_keys
from storage.keys import key_id_of, public_text
from storage.signatures import SignedHeader, sign
from storage.sources import sidecar_of
from storage.store import BehaviorStore
from tests.storage.evidence_rows import GOOD, evidence, frame, land
from tests.storage.key_rings import first_key, private_key
from tests.storage.landing import DAY, NOW, SCHEMA, table, take_in, write

REQUIRE = SignaturePolicy.REQUIRE


@pytest.fixture
def keyed(store: BehaviorStore) -> BehaviorStore:
    """Return a store that knows a key of the source and of the site."""
    registry = KeyRegistry()
    for name in ("probe", "north"):
        registry = registry.add(first_key(name, start=NOW - DAY), at=NOW - DAY)
    write_keys(store, registry, message="keys")
    return store


def signed(path: Path, key: str = "probe") -> Path:
    """Write a landing file as its source does: stage, sign the row, state it."""
    row = stage_evidence(land(path, GOOD), now=NOW).shard.row
    return land(path, GOOD, **stated(key, SignedHeader.of_row(row), row.sha256))


def restate(path: Path, **fields: object) -> Path:
    """Change fields of a header, and leave its signature."""
    sidecar = sidecar_of(path)
    said = json.loads(sidecar.read_text()) | fields
    sidecar.write_text(json.dumps(said))
    return path


def stated(key: str, header: SignedHeader, sha256: str) -> dict[str, str]:
    private = private_key(key)
    return {
        "signature": sign(private, header, sha256),
        "signer": key_id_of(public_text(private)),
    }


def test_a_good_signature_is_kept_in_the_ledger(
    keyed: BehaviorStore, tmp_path: Path
) -> None:
    file = signed(tmp_path / "a.parquet")
    report = take_in(keyed, file, signatures=REQUIRE)
    (row,) = evidence_rows(keyed)
    assert (report.count("applied"), row.status) == (1, "signed")
    assert row.signer == key_id_of(public_text(private_key("probe")))
    assert len(row.signature) == 128


def test_what_is_not_signed_as_it_is_read_is_refused(
    keyed: BehaviorStore, tmp_path: Path
) -> None:
    changed = signed(tmp_path / "content.parquet")
    GOOD.assign(confidence=0.5).to_parquet(changed)
    moved = restate(signed(tmp_path / "part.parquet"), part="1")
    other = signed(tmp_path / "key.parquet", key="north")
    bare = land(tmp_path / "bare.parquet", GOOD)
    numberless = restate(signed(tmp_path / "version.parquet"), seq=None)
    files = [changed, moved, other, bare, numberless]
    report = take_in(keyed, *files, keep=True)
    assert [e.reason for e in report.rejected] == ["signature"] * len(files)
    assert [Path(e.source) for e in report.rejected] == files
    assert "State epoch and seq" in report.rejected[-1].remedy
    assert keyed.rows() == ()


def test_who_has_no_key_may_be_asked_for_one(
    keyed: BehaviorStore, tmp_path: Path
) -> None:
    file = land(tmp_path / "a.parquet", frame(evidence(1, source="spy")))
    report = take_in(keyed, file, signatures=REQUIRE, keep=True)
    assert [e.reason for e in report.rejected] == ["signature"]
    assert take_in(keyed, file, keep=True).count("applied") == 1
    assert [row.status for row in evidence_rows(keyed)] == ["unsigned"]
    bare = land(tmp_path / "b.parquet", GOOD)
    lax = SignaturePolicy.ACCEPT_UNSIGNED
    assert take_in(keyed, bare, signatures=lax).count("applied") == 1


def test_behaviour_is_held_to_the_same_rule(
    keyed: BehaviorStore, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.parquet", table(1))
    report = take_in(keyed, file, keep=True)
    assert [e.reason for e in report.rejected] == ["signature"]
    row = stage(file, SCHEMA, now=NOW).shard.row
    write(file, table(1), **stated("north", SignedHeader.of_row(row), row.sha256))
    assert take_in(keyed, file).count("applied") == 1
    assert [row.status for row in keyed.shards()] == ["signed"]
