"""Posteriors that late evidence, corrections or revoked keys put out of date."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from storage.evidence import write_evidence
from storage.key_store import write_keys
from storage.store import BehaviorStore
from tasks.consensus import ConsensusOptions, consensus_of_night
from tasks.publish_consensus import publish_consensus
from tasks.stale_posteriors import list_posteriors, stale_posteriors
from tests.storage.key_rings import DAY, ring
from tests.tasks.consensus_data import AS_OF, ENDS, NIGHTS, Row, drawn, shards, store_of

ROWS = drawn(4, agents=3, sources=4)[0]


@pytest.fixture
def store(tmp_path: Path) -> BehaviorStore:
    return store_of(tmp_path, ROWS)


def published(store: BehaviorStore, night: str = "latest", **options: object) -> str:
    told = ConsensusOptions(**options)
    found = consensus_of_night(store, night, options=told, as_of=AS_OF)
    return publish_consensus(store, found).run


def late(source: str = "s09", night: str = NIGHTS[1]) -> list[Row]:
    return [Row(source, "a000", "peer validation", 1.5, night=night)]


def test_posteriors_stand_until_other_evidence_counts(store: BehaviorStore) -> None:
    first = published(store, NIGHTS[0])
    both = published(store)
    write_evidence(store, shards(ROWS))
    assert stale_posteriors(store) == (), "a repetition changes nothing"
    write_evidence(store, shards(late()))
    (stale,) = stale_posteriors(store)
    assert (stale.run, stale.sources, stale.shards) == (both, ("s09",), 1)
    assert stale.superseded_by == ()
    assert f"run `consilience consensus --night {NIGHTS[1]}`" in str(stale)
    again = published(store)
    assert [s.superseded_by for s in stale_posteriors(store)] == [(again,)]
    write_evidence(store, shards(late("s10", NIGHTS[0])))
    assert [s.run for s in stale_posteriors(store)] == sorted([first, both, again])


def test_a_correction_counts_as_one_shard_out_and_one_in(store: BehaviorStore) -> None:
    run = published(store)
    own = [replace(r, ratio=r.ratio + 1) for r in ROWS if r.source == "s01"]
    write_evidence(store, shards([r for r in own if r.night == NIGHTS[1]], seq=2))
    (stale,) = stale_posteriors(store)
    assert (stale.run, stale.sources, stale.shards) == (run, ("s01",), 2)


def test_a_key_that_was_revoked_puts_posteriors_out_of_date(
    store: BehaviorStore,
) -> None:
    registry = ring("s02")
    write_keys(store, registry, message="keys")
    key = registry.of_source("s02")[0].id
    signed = [
        replace(s, row=replace(s.row, signature="00", signer=key))
        for s in shards(late("s02"), seq=3, first=900)
    ]
    write_evidence(store, signed)
    run = published(store)
    assert stale_posteriors(store) == ()
    gone = registry.revoke(key, since=ENDS[NIGHTS[1]] - DAY, reason="stolen")
    write_keys(store, gone, message="revoke")
    (stale,) = stale_posteriors(store)
    assert (stale.run, stale.sources) == (run, ("s02",))


def test_the_list_is_written_once_and_emptied(
    store: BehaviorStore, tmp_path: Path
) -> None:
    folder = tmp_path / "posteriors"
    assert list_posteriors(folder, ()) is None
    assert not folder.exists()
    run = published(store)
    write_evidence(store, shards(late()))
    path = list_posteriors(folder, stale_posteriors(store))
    assert path is not None
    said = json.loads(path.read_text("utf-8"))["runs"]
    assert said[run]["sources"] == ["s09"]
    list_posteriors(folder, ())
    assert json.loads(path.read_text("utf-8")) == {"runs": {}}
