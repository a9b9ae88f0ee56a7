"""A consensus in the store and as a table; signatures, keys, and workers that lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from distributed import get_worker

from stats.summary import Incompatible, NotEnoughData
from storage.errors import NotFound
from storage.evidence import make_evidence_shard, write_evidence
from storage.identity import Version
from storage.integrity import verify
from storage.key_store import write_keys
from storage.store import BehaviorStore
from tasks import evidence_pass
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.consensus import ConsensusOptions, consensus_of_night
from tasks.consensus_answer import agent_answer
from tasks.consensus_words import agent_words, population_words
from tasks.publish_consensus import (
    consensus_runs,
    open_consensus,
    publish_consensus,
    write_consensus_table,
)
from tests.storage.evidence_rows import evidence
from tests.storage.key_rings import DAY, ring
from tests.tasks.consensus_data import AS_OF, ENDS, NIGHTS, drawn, shards, store_of


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BehaviorStore:
    return store_of(tmp_path_factory.mktemp("published"), drawn(1, agents=4)[0])


def test_what_was_published_is_read_back_with_its_names(
    store: BehaviorStore, tmp_path: Path
) -> None:
    found = consensus_of_night(store, as_of=AS_OF)
    kept = publish_consensus(store, found)
    assert kept.fresh
    assert consensus_runs(store, NIGHTS[1]) == (kept.run,)
    back, wanted = open_consensus(store, kept.run), found.to_dataset()
    assert set(back.variables) == set(wanted.variables)
    for name in wanted.variables:
        np.testing.assert_array_equal(back[name].values, wanted[name].values)
    assert back.attrs["mode"] == "robust(2)"
    assert back.attrs["authenticity"] == found.guarantee.authenticity
    assert back.attrs["digest"] == found.digest
    again = publish_consensus(store, consensus_of_night(store, as_of=AS_OF))
    assert (again.run, again.fresh, again.snapshot) == (kept.run, False, kept.snapshot)
    exact = consensus_of_night(store, options=ConsensusOptions("exact"), as_of=AS_OF)
    assert publish_consensus(store, exact).run != kept.run
    with pytest.raises(NotFound, match=kept.run):
        open_consensus(store, f"{NIGHTS[1]}-000000000000")
    assert verify(store) == ()

    path = write_consensus_table(found, tmp_path / "posteriors.parquet")
    table = pyarrow.parquet.read_table(path).to_pydict()
    assert table["agent"] == found.agents.tolist()
    odds = found.found.posterior.log_odds[:, 0]
    assert table["log_odds of compromised"] == odds.tolist()
    assert set(table["status"]) <= {"certified", "undetermined"}


def test_a_posterior_says_whose_evidence_arrived(
    store: BehaviorStore, tmp_path: Path
) -> None:
    whole = consensus_of_night(store, as_of=AS_OF)
    said = "For what arrived: 7 of 7 sources delivered 2026-03-08."
    assert whole.about()["arrived"] == said
    rows = [
        row for row in drawn(1, agents=4)[0]
        if row.source != "s03" or row.night == NIGHTS[0]
    ]  # fmt: skip
    late = consensus_of_night(store_of(tmp_path, rows), expected=("s9",), as_of=AS_OF)
    said = (
        "For what arrived: 6 of 8 sources delivered 2026-03-08; s03 last delivered "
        "2026-03-07, s9 never did. What they would say is not in it, and silence is "
        "no evidence."
    )
    assert late.to_dataset().attrs["arrived"] == said
    assert agent_answer(late, str(late.agents[0]))["arrived"] == said
    assert said in agent_words(late, str(late.agents[0])).lines
    assert said in population_words(late).lines


def test_evidence_of_a_revoked_key_or_none_is_left_out(tmp_path: Path) -> None:
    registry = ring("probe", "north")
    store = store_of(tmp_path, drawn(2, agents=3, sources=1)[0])
    key = registry.of_source("probe")[0].id
    parts = [
        make_evidence_shard(
            NIGHTS[1], Version(), evidence(part, 20, first=100 * part), part=str(part),
            event_end=ENDS[NIGHTS[1]], ingested_at=ENDS[NIGHTS[1]] + part * DAY,
            signature="00", signer=key,
        )
        for part in (0, 1)
    ]  # fmt: skip
    write_evidence(store, parts)
    write_keys(store, registry, message="keys")
    signed = consensus_of_night(store, signed_only=True, as_of=AS_OF)
    assert (
        signed.guarantee.authenticity == "Authenticity: authenticated 1 of 1 sources."
    )
    assert [(x.source, x.reason) for x in signed.facts.left_out] == [
        ("s00", "not signed")
    ]
    assert signed.sources == ("probe", "s00")
    some = consensus_of_night(store, as_of=AS_OF)
    assert some.guarantee.authenticity == "Authenticity: authenticated 1 of 2 sources."

    since = ENDS[NIGHTS[1]] + DAY // 2
    gone = registry.revoke(key, since=since, reason="stolen")
    write_keys(store, gone, message="revoke")
    left = consensus_of_night(store, as_of=AS_OF)
    (late,) = left.facts.left_out
    assert (late.source, late.reason, late.n) == ("probe", "key revoked", 20)
    assert not late.proven, "a thief is not the source"
    assert some.n - left.n == 20
    write_keys(store, gone.revoke(key, since=0, reason="stolen before"), message="all")
    with pytest.raises(NotEnoughData, match="nothing of the evidence may count"):
        consensus_of_night(store, signed_only=True, as_of=AS_OF)


def tampered(block: evidence_pass.Partition) -> evidence_pass.EvidenceTotals:
    honest = block.totals()
    return honest.merge(honest) if get_worker().name == 1 else honest


def test_a_worker_that_lies_changes_nothing_and_is_named(
    store: BehaviorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = consensus_of_night(store, as_of=AS_OF, partition_size=10)
    monkeypatch.setattr(evidence_pass, "_summarize", tampered)
    with cluster_session(ClusterConfig(kind="threads", workers=3)) as session:
        client = session.client()
        found = consensus_of_night(store, as_of=AS_OF, client=client, worker_faults=1)
        trusted = consensus_of_night(
            store, as_of=AS_OF, client=client, partition_size=10
        )
    assert found.digest == honest.digest
    assert {dissent.worker for dissent in found.dissent} == {"1"}
    assert "at most 1 of the workers" in found.guarantee.workers
    assert trusted.digest != honest.digest, "the lie would have been believed"
    assert "trusted" in trusted.guarantee.workers
    with pytest.raises(Incompatible, match="no cluster"):
        consensus_of_night(store, as_of=AS_OF, worker_faults=1)


def test_a_repeated_delivery_changes_no_bit(tmp_path: Path) -> None:
    rows, _ = drawn(3, agents=3, sources=3)
    store = store_of(tmp_path, rows)
    before = consensus_of_night(store, as_of=AS_OF)
    write_evidence(store, shards(rows))
    assert consensus_of_night(store, as_of=AS_OF).digest == before.digest
