"""Rows that come more than once, against a dictionary of every row."""

from collections import defaultdict
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.evidence import evidence_rows, read_evidence_chunks, write_evidence
from storage.evidence_content import canonical_evidence
from storage.evidence_once import count_once
from storage.evidence_overlaps import overlapping, settle_rows, shared_numbers
from storage.evidence_records import EvidenceData
from storage.store import BehaviorStore
from tests.storage.evidence_rows import changed, evidence, shard

AGENTS = ("x", "y", "z")
# Number of the row, agent, ratio: few of each, so that all kinds of meetings happen.
ROW = st.tuples(
    st.integers(0, 12), st.integers(0, 2), st.sampled_from([-1.5, 0.0, 2.0, 2.5])
)
SHARDS = st.lists(
    st.lists(ROW, min_size=1, max_size=9, unique_by=lambda row: row[0]),
    min_size=1,
    max_size=5,
)


def data_of(rows: list[tuple[int, int, float]]) -> EvidenceData:
    seq, agent, ratio = (np.array(column) for column in zip(*rows, strict=True))
    blank = changed(
        evidence(n=len(rows)),
        time=np.zeros(len(rows), dtype=np.int64),
        confidence=np.ones(len(rows)),
        kind=np.zeros(len(rows), dtype=np.uint8),
        kind_names=("api pattern",),
        seq=seq,
        agent=agent.astype(np.int32),
        agent_names=np.array(AGENTS),
        log_ratio=ratio.astype(np.float64),
    )
    return canonical_evidence(blank, "test")


def naive(shards: list[EvidenceData]) -> tuple[list[list[bool]], int, list[int]]:
    """What counts, how many repeat, which numbers contradict: one row at a time."""
    said: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for data in shards:
        for i, number in enumerate(data.seq):
            said[int(number)].append(
                (data.agent_names[data.agent[i]], data.log_ratio[i])
            )
    spoilt = {number for number, rows in said.items() if len(set(rows)) > 1}
    seen: set[int] = set()
    masks, repeated = [], 0
    for data in shards:
        mask = []
        for number in data.seq.tolist():
            mask.append(number not in spoilt and number not in seen)
            repeated += number in seen and number not in spoilt
            seen.add(number)
        masks.append(mask)
    return masks, repeated, sorted(spoilt)


@given(SHARDS)
def test_settled_rows_are_those_of_a_dictionary(
    rows: list[list[tuple[int, int, float]]],
) -> None:
    shards = [data_of(part) for part in rows]
    settled = settle_rows(shards)
    masks, repeated, spoilt = naive(shards)
    assert [mask.tolist() for mask in settled.counts] == masks
    assert (settled.repeated, settled.contradicted.tolist()) == (repeated, spoilt)


@given(SHARDS)
def test_only_shared_numbers_have_to_be_looked_at(
    rows: list[list[tuple[int, int, float]]],
) -> None:
    shards = [data_of(part) for part in rows]
    places = shared_numbers([data.seq for data in shards])
    parts = [data.take(at) for data, at in zip(shards, places, strict=True)]
    counts = [np.ones(data.n, dtype=bool) for data in shards]
    settled = settle_rows(parts)
    for mask, at, kept in zip(counts, places, settled.counts, strict=True):
        mask[at] = kept
    assert [mask.tolist() for mask in counts] == naive(shards)[0]


RANGE = st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 8))


@given(st.lists(RANGE, max_size=12))
def test_ranges_that_share_a_number_are_connected(
    ranges: list[tuple[int, int, int]],
) -> None:
    n = len(ranges)
    table = np.array([(g, a, a + w) for g, a, w in ranges], np.int64).reshape(n, 3)
    found = overlapping(*table.T).tolist()
    label = list(range(n))
    numbers = [{(g, k) for k in range(a, b + 1)} for g, a, b in table.tolist()]
    for i in range(n):
        for j in range(i):
            if numbers[i] & numbers[j]:
                old, new = label[i], label[j]
                label = [new if one == old else one for one in label]
    for i in range(n):
        assert (found[i] == -1) == (label.count(label[i]) == 1)
        for j in range(n):
            if found[i] >= 0:
                assert (found[i] == found[j]) == (label[i] == label[j])


def test_repeats_count_once_and_contradictions_not_at_all(
    store: BehaviorStore,
) -> None:
    base = evidence(1, n=40)
    again = base.take(slice(30, 40))
    lying = changed(base.take(slice(10, 13)), log_ratio=np.array([9.0, 9.0, 9.0]))
    far = evidence(2, n=5, first=1_000)
    other = evidence(1, n=40, source="other")
    write_evidence(
        store,
        [
            shard(base),
            shard(again, part="again"),
            shard(lying, part="lying"),
            shard(far, part="far"),
            shard(other),
        ],
    )
    rows = evidence_rows(store)
    found = count_once(store, rows[::-1])
    by_part = {(row.key.site, row.key.part): found.mask(row) for row in rows}
    expected = np.ones(40, dtype=bool)
    expected[10:13] = False
    np.testing.assert_array_equal(by_part["probe", "0"], expected)
    np.testing.assert_array_equal(by_part["probe", "again"], np.zeros(10, dtype=bool))
    np.testing.assert_array_equal(by_part["probe", "lying"], np.zeros(3, dtype=bool))
    assert by_part["probe", "far"] is None
    assert by_part["other", "0"] is None
    assert (found.repeated, found.compared) == (10, 26)
    (clash,) = found.contradictions
    assert (clash.source, clash.epoch, clash.n) == ("probe", 3, 3)
    assert clash.seq == (10, 11, 12)
    where = "evidence/probe/2026-03-08"
    assert clash.shards == (f"{where}/0", f"{where}/lying")


def test_ranges_that_interleave_cost_no_row(store: BehaviorStore) -> None:
    base = evidence(4, n=40)
    write_evidence(
        store,
        [
            shard(base.take(np.arange(0, 40, 2)), part="even"),
            shard(base.take(np.arange(1, 40, 2)), part="odd"),
        ],
    )
    found = count_once(store, evidence_rows(store))
    assert (found.masks, found.repeated, found.contradictions) == ({}, 0, ())
    assert found.compared == 0


def test_counted_rows_are_taken_from_blocks(store: BehaviorStore) -> None:
    base = evidence(5, n=30)
    write_evidence(store, [shard(base), shard(base.take(slice(5, 9)), part="1")])
    first, second = evidence_rows(store)
    found = count_once(store, [first, second])
    taken = [
        block.seq.tolist()
        for row in (first, second)
        for block in found.take(row, read_evidence_chunks(store, row, rows=7))
    ]
    assert [n for part in taken for n in part] == list(range(30))
