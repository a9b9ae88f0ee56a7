"""Shards of evidence: one form, one hash, round trips, never taken for behaviour."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from stats.evidence import EvidenceType
from stats.ledger import ShardLedger
from storage.errors import Corrupt, Rejected, StoreFormat
from storage.evidence import (
    evidence_rows,
    read_evidence,
    read_evidence_chunks,
    write_evidence,
)
from storage.evidence_content import canonical_evidence, evidence_hash
from storage.evidence_records import EVIDENCE_TYPES
from storage.identity import Version
from storage.integrity import verify
from storage.records import ShardRow
from storage.schema import Schema
from storage.store import BehaviorStore
from tasks.reconcile import ledger_of, reconcile
from tasks.status import home_status
from tests.storage.evidence_rows import (
    changed,
    evidence,
    frame,
    land,
    same,
    shard,
)
from tests.storage.landing import NIGHT, NOW, SCHEMA, table, take_in, write


def test_types_are_those_of_the_statistics() -> None:
    assert sorted(kind.value for kind in EvidenceType) == list(EVIDENCE_TYPES)


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_order_of_rows_and_names_does_not_change_the_hash(seed: int, n: int) -> None:
    data = evidence(seed, n)
    rng = np.random.default_rng(seed)
    names, kinds = rng.permutation(len(data.agent_names)), rng.permutation(6)
    place = np.empty(6, dtype=np.uint8)
    place[kinds] = np.arange(6)
    unused = [name for name in EVIDENCE_TYPES if name not in data.kind_names]
    all_kinds = np.array([*data.kind_names, *unused])
    spread = changed(
        data,
        agent_names=data.agent_names[names],
        agent=np.argsort(names).astype(np.int32)[data.agent],
        kind_names=tuple(all_kinds[kinds].tolist()),
        kind=place[data.kind],
    ).take(rng.permutation(n))
    again = canonical_evidence(spread, "test")
    same(again, data)
    assert evidence_hash(again) == evidence_hash(data)
    parts = [data.take(slice(at, at + 7)) for at in range(0, n, 7)]
    assert evidence_hash(parts) == evidence_hash(data)


def test_every_field_changes_the_hash() -> None:
    data = evidence(1)
    moved = [
        changed(data, source="other"),
        changed(data, epoch=4),
        changed(data, hypotheses=("broken",)),
        changed(data, agent_names=np.array([f"b{n}" for n in data.agent_names])),
        changed(data, kind_names=("peer validation", *data.kind_names[1:])),
    ]
    for name in (
        "seq",
        "agent",
        "kind",
        "hypothesis",
        "time",
        "log_ratio",
        "confidence",
    ):
        column = getattr(data, name).copy()
        column[7] += 1
        moved.append(changed(data, **{name: column}))
    hashes = {evidence_hash(one) for one in (data, *moved)}
    assert len(hashes) == 1 + len(moved)


def test_negative_zero_is_zero() -> None:
    data = changed(evidence(1, 3), log_ratio=np.array([0.0, 1.0, -0.0]))
    found = canonical_evidence(data, "test")
    assert not np.signbit(found.log_ratio).any()
    assert np.signbit(data.log_ratio).any()


def test_a_million_rows_come_back_bit_for_bit(store: BehaviorStore) -> None:
    data = evidence(2, 2**20 + 1_000)
    (receipt,) = write_evidence(store, [shard(data)])
    (row,) = evidence_rows(store)
    assert (receipt.state, receipt.n, row.n) == ("applied", data.n, data.n)
    same(read_evidence(store, row, verify=True), data)
    sizes, at = [], 0
    for block in read_evidence_chunks(store, row, verify=True):
        same(block, data.take(slice(at, at + block.n)))
        sizes.append(block.n)
        at += block.n
    assert sizes == [2**20, 1_000]
    assert row.chunk_count == 7 * 2 + 3


def test_several_shards_are_one_transaction_and_repeats_change_nothing(
    store: BehaviorStore,
) -> None:
    before = len(store.history())
    shards = [shard(evidence(k, source=f"s{k}")) for k in range(3)]
    assert [r.state for r in write_evidence(store, shards)] == ["applied"] * 3
    after = store.snapshot
    assert [r.state for r in write_evidence(store, shards)] == ["duplicate"] * 3
    assert store.snapshot == after
    messages = [commit.message for commit in store.history()]
    assert messages[: len(messages) - before] == [
        "ingest evidence",
        "groups for shards",
    ]
    assert [r.key.site for r in evidence_rows(store, nights={NIGHT})] == [
        "s0",
        "s1",
        "s2",
    ]
    assert [r.key.site for r in evidence_rows(store, source="s1")] == ["s1"]
    assert evidence_rows(store, night="2026-03-09") == ()


def test_a_correction_supersedes_and_two_contents_count_neither(
    store: BehaviorStore,
) -> None:
    first, mended = evidence(1), evidence(2)
    write_evidence(store, [shard(first), shard(mended, seq=2)])
    assert [e.seq for e in winners(store)] == [2]
    (receipt,) = write_evidence(store, [shard(first, seq=2)])
    assert receipt.state == "equivocation"
    assert winners(store) == []
    assert verify(store, full=True) == ()


def winners(store: BehaviorStore) -> list[object]:
    return list(ledger_of(evidence_rows(store)).winners())


def test_the_ledger_keeps_tables_beside_data(filled: BehaviorStore) -> None:
    write_evidence(filled, [shard(evidence())])
    ledger = ledger_of(filled.rows())
    assert sorted(e.kind for e in ledger.winners()) == ["data"] * 3 + ["table"]
    again = ShardLedger.from_arrays(ledger.to_arrays())
    assert again.digest() == ledger.digest()
    assert ledger.digest() != ledger_of(filled.shards()).digest()


def test_evidence_never_counts_as_behaviour(
    filled: BehaviorStore, tmp_path: Path
) -> None:
    behaviour = filled.shards()
    before = reconcile(filled, NIGHT, as_of=NOW)
    newer = "2026-03-09"
    write_evidence(
        filled,
        [shard(evidence(source="north")), shard(evidence(source="spy"), night=newer)],
    )
    assert filled.shards() == behaviour
    assert len(filled.rows()) == len(behaviour) + 2
    after = reconcile(filled, NIGHT, as_of=NOW)
    assert dataclasses.replace(after, snapshot=before.snapshot) == before
    status = home_status(tmp_path)
    assert sorted(status["sites"]) == ["north", "south"]
    assert {name: row["rows"] for name, row in status["sources"].items()} == {
        "north": 50,
        "spy": 50,
    }
    assert verify(filled, full=True) == ()


def test_behaviour_and_evidence_are_not_read_as_each_other(
    filled: BehaviorStore,
) -> None:
    write_evidence(filled, [shard(evidence())])
    (row,) = evidence_rows(filled)
    with pytest.raises(StoreFormat, match="holds a table, expected data"):
        filled.read(row)
    with pytest.raises(StoreFormat, match="expected a table"):
        read_evidence(filled, filled.shards()[0])
    with pytest.raises(Rejected, match="not called evidence"):
        Schema(dataset="evidence", features=SCHEMA.features)


def test_rows_of_earlier_stores_have_no_signature(filled: BehaviorStore) -> None:
    row = filled.shards()[0]
    plain = row.to_attributes()
    assert {"signature", "signer", "numbers"} & set(plain) == set()
    assert ShardRow.from_attributes(plain, row.path) == row
    assert (row.status, row.numbers) == ("unsigned", None)
    signed = dataclasses.replace(row, signature="ab", signer="key")
    again = ShardRow.from_attributes(signed.to_attributes(), row.path)
    assert (again, again.status) == (signed, "signed")


@pytest.mark.parametrize("column", ["seq", "agent", "log_ratio", "kind_name"])
def test_a_column_that_changed_or_vanished_is_damage(
    store: BehaviorStore, column: str
) -> None:
    write_evidence(store, [shard(evidence(3))])
    (row,) = evidence_rows(store)
    with store.transaction("damage") as transaction:
        group = zarr.open_group(transaction.store, path=row.path)
        values = group[column][:]
        values[1] = values[0]
        group[column][:] = values
    with pytest.raises(Corrupt, match="SHA-256"):
        read_evidence(store, row, verify=True)
    assert [f.check for f in verify(store, [row], full=True)] == ["arrays"]
    with store.transaction("more damage") as transaction:
        del zarr.open_group(transaction.store, path=row.path)[column]
    with pytest.raises(Corrupt, match="an array is missing"):
        read_evidence(store, row)


def test_rows_out_of_order_are_found(store: BehaviorStore) -> None:
    write_evidence(store, [shard(evidence(3))])
    (row,) = evidence_rows(store)
    with store.transaction("swap") as transaction:
        seq = zarr.open_group(transaction.store, path=row.path)["seq"]
        seq[:2] = seq[:2][::-1]
    assert [f.check for f in verify(store, [row])] == ["order"]


def test_a_row_says_more_than_there_is(store: BehaviorStore) -> None:
    write_evidence(store, [shard(evidence(3))])
    (row,) = evidence_rows(store)
    assert row.numbers is not None
    narrow = dataclasses.replace(row.numbers, last=20)
    wrong = [
        dataclasses.replace(row, n=51),
        dataclasses.replace(row, agents=3),
        dataclasses.replace(row, chunk_count=9),
        dataclasses.replace(row, numbers=None),
        dataclasses.replace(row, numbers=narrow),
    ]
    for one in wrong:
        with pytest.raises(Corrupt, match=r"consilience verify"):
            read_evidence(store, one)


def test_a_batch_of_both_kinds_is_one_commit(
    store: BehaviorStore, tmp_path: Path
) -> None:
    one = write(tmp_path / "in" / "a.parquet", table(1))
    two = land(tmp_path / "in" / "b.parquet", frame(evidence(1)))
    report = take_in(store, one, two)
    assert [str(r.key) for r in report.receipts] == [
        f"demo/north/{NIGHT}/0",
        f"evidence/probe/{NIGHT}/0",
    ]
    assert len({r.snapshot for r in report.receipts}) == 1
    assert [str(r.version) for r in report.receipts] == [str(Version(0, 1))] * 2
