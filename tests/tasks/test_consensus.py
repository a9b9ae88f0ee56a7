"""The consensus of a night: exact to the last bit, whoever computes it, and robust."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stats.summary import Incompatible, InvalidInput, NotEnoughData
from storage.evidence import write_evidence
from storage.evidence_records import EVIDENCE_TYPES
from storage.store import BehaviorStore
from tasks.consensus import Consensus, ConsensusOptions, consensus_of_night
from tasks.evidence_pass import EvidenceColumns, totals
from tests.tasks.consensus_data import (
    AS_OF,
    NIGHTS,
    Row,
    by_hand,
    drawn,
    shards,
    store_of,
)

PLAIN = ConsensusOptions(mode="exact", prior=0.5, tempering=1.0, one_voice=False)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return drawn(1, agents=6, sources=7, each=2, hard=True)[0]


@pytest.fixture(scope="module")
def store(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> BehaviorStore:
    return store_of(tmp_path_factory.mktemp("consensus"), rows)


def same(a: Consensus, b: Consensus) -> None:
    assert a.digest == b.digest
    for one, other in zip(
        a.to_dataset().variables.values(),
        b.to_dataset().variables.values(),
        strict=True,
    ):
        np.testing.assert_array_equal(one.values, other.values)


def test_exact_is_the_rational_sum_rounded_once(
    rows: list[Row], store: BehaviorStore
) -> None:
    found = consensus_of_night(store, options=PLAIN, as_of=AS_OF)
    assert found.agents.tolist() == sorted({row.agent for row in rows})
    expected = [by_hand(rows, agent) for agent in found.agents]
    assert found.found.posterior.log_odds[:, 0].tolist() == expected
    assert found.n == len(rows)
    np.testing.assert_allclose(found.found.posterior.p.sum(axis=1), 1, rtol=1e-15)
    prior = ConsensusOptions(mode="exact", prior=0.2, tempering=1.0, one_voice=False)
    moved = consensus_of_night(store, options=prior, as_of=AS_OF)
    odds = moved.found.posterior.log_odds[:, 0] - expected
    np.testing.assert_allclose(odds, np.log(0.25), atol=1e-13)


def test_no_bit_depends_on_partitions_order_or_threads(
    rows: list[Row], store: BehaviorStore, tmp_path: Path
) -> None:
    whole = consensus_of_night(store, as_of=AS_OF)
    for size, threads in ((25, None), (10**4, 2)):
        same(
            whole,
            consensus_of_night(
                store, as_of=AS_OF, partition_size=size, threads=threads
            ),
        )
    order = np.random.default_rng(2).permutation(len(rows))
    other = store_of(tmp_path, [rows[k] for k in order])
    same(whole, consensus_of_night(other, as_of=AS_OF))


def columns(n: int) -> EvidenceColumns:
    rng = np.random.default_rng(3)
    mixed = np.concatenate([rng.normal(size=n - 2 * (n // 4)), np.full(n // 4, 1e16)])
    ratio = rng.permutation(np.concatenate([mixed, np.full(n // 4, -1e16)]))
    agent, source = rng.integers(0, 5, n), rng.integers(0, 3, n)
    none = np.zeros(n, dtype=np.int64)
    return EvidenceColumns(
        agent, source, rng.integers(0, 6, n), none, none, ratio,
        rng.integers(0, 2**16 + 1, n) / 2**16, 3, 1, 2,
    )  # fmt: skip


@pytest.mark.parametrize("size", [1, 10, 1_000, 10_000])
def test_partitions_of_any_size_have_the_bits_of_all_rows(size: int) -> None:
    part = columns(400 if size == 1 else 3_000)
    n = len(part.agent)
    wanted = part.totals()
    order = np.random.default_rng(size).permutation(n)
    mixed = EvidenceColumns(
        *(getattr(part, name)[order] for name in (
            "agent", "source", "kind", "hypothesis", "night", "log_ratio", "confidence",
        )), 3, 1, 2,
    )  # fmt: skip
    blocks = [mixed.take(slice(at, at + size)) for at in range(0, n, size)]
    assert totals(blocks)[0].digest() == wanted.digest()


def test_robust_0_is_exact_bit_for_bit(store: BehaviorStore) -> None:
    exact = consensus_of_night(store, options=ConsensusOptions("exact"), as_of=AS_OF)
    robust = consensus_of_night(
        store, options=ConsensusOptions("robust", 0), as_of=AS_OF
    )
    same(exact, robust)
    assert exact.mode_text == "exact"
    assert "one liar can turn it" in str(exact.guarantee)


def test_only_the_nights_asked_for_count(rows: list[Row], store: BehaviorStore) -> None:
    one = consensus_of_night(store, NIGHTS[0], options=PLAIN, as_of=AS_OF)
    two = consensus_of_night(store, nights=0, options=PLAIN, as_of=AS_OF)
    for found, night in ((one, NIGHTS[0]), (two, NIGHTS[1])):
        mine = [row for row in rows if row.night == night]
        expected = [by_hand(mine, agent) for agent in found.agents]
        assert found.found.posterior.log_odds[:, 0].tolist() == expected
    with pytest.raises(NotEnoughData, match="2026-03-01"):
        consensus_of_night(store, "2026-03-01", as_of=AS_OF)


def test_a_source_with_two_stories_is_left_out_and_named(tmp_path: Path) -> None:
    rows, _ = drawn(6, agents=3, sources=5)
    store = store_of(tmp_path, rows)
    lie = [Row("s04", "a000", EVIDENCE_TYPES[0], 99.0)]
    write_evidence(store, shards(lie, first=3))
    found = consensus_of_night(store, options=PLAIN, as_of=AS_OF)
    (left_out,) = found.facts.left_out
    assert (left_out.source, left_out.reason) == ("s04", "two contents")
    assert "s04/2026-03-08/0" in left_out.what
    rest = [row for row in rows if row.source != "s04"]
    odds = found.found.posterior.log_odds[:, 0].tolist()
    assert odds == [by_hand(rest, agent) for agent in found.agents]
    assert (len(found.spoke), len(found.sources)) == (4, 5)
    write_evidence(store, shards(lie, seq=2, first=3))
    again = consensus_of_night(store, options=PLAIN, as_of=AS_OF)
    assert again.facts.left_out == ()
    assert len(again.spoke) == 5


def test_repeated_rows_count_once_and_one_number_twice_is_proof(tmp_path: Path) -> None:
    rows = [
        Row("s0", "a", EVIDENCE_TYPES[0], 1.0),
        Row("s1", "a", EVIDENCE_TYPES[0], 2.0),
    ]
    store = store_of(tmp_path, rows)
    earlier = [Row("s0", "a", EVIDENCE_TYPES[0], 1.0, night=NIGHTS[0])]
    write_evidence(store, shards(earlier))
    found = consensus_of_night(store, options=PLAIN, as_of=AS_OF)
    (left_out,) = found.facts.left_out
    assert (left_out.source, left_out.reason) == ("s0", "one number twice")
    assert left_out.proven
    assert found.found.posterior.log_odds[0, 0] == 2.0


def test_several_hypotheses_are_weighed_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    about = ("broken", "compromised", "normal")
    rows = [
        Row(f"s{s}", f"a{a}", EVIDENCE_TYPES[0], float(value), hypothesis=name)
        for s in range(4) for a in range(3)
        for name, value in zip(about, rng.normal(size=3) + 1e15, strict=True)
    ]  # fmt: skip
    store = store_of(tmp_path, rows)
    options = ConsensusOptions(mode="exact", tempering=1.0)
    found = consensus_of_night(store, options=options, as_of=AS_OF)
    assert found.hypotheses == about
    for place, agent in enumerate(found.agents):
        sums = [
            Fraction(
                sum(Fraction(r.ratio) for r in rows if (r.agent, r.hypothesis) == at)
            )
            for at in ((agent, name) for name in about)
        ]
        odds = np.exp([float(s - max(sums)) for s in sums])
        np.testing.assert_allclose(found.found.posterior.p[place], odds / odds.sum())
    odd = [Row("t0", "a0", EVIDENCE_TYPES[0], 1.0)]
    write_evidence(store, shards(odd))
    again = consensus_of_night(store, options=options, as_of=AS_OF)
    assert [(x.source, x.reason) for x in again.facts.left_out] == [
        ("t0", "other hypotheses")
    ]
    np.testing.assert_array_equal(again.found.posterior.p, found.found.posterior.p)
    more = [Row(f"t{k}", "a0", EVIDENCE_TYPES[0], 1.0) for k in (1, 2, 3)]
    write_evidence(store, shards(more))
    with pytest.raises(Incompatible, match="cannot be added up"):
        consensus_of_night(store, as_of=AS_OF)


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "median"}, {"prior": 0.0}, {"prior": 1.0}, {"liars": -1},
        {"mode": "exact", "liars": 1}, {"error": 0.0}, {"tempering": 0.0},
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(given: dict) -> None:
    with pytest.raises(InvalidInput):
        ConsensusOptions(**given)


def test_an_empty_store_says_that_there_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="none of 0 shards"):
        consensus_of_night(store_of(tmp_path, []))
