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
from tests.tasks.consensus_data import AS_OF, NIGHTS, Row, drawn, shards, store_of

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


def by_hand(rows: list[Row], agent: str) -> float:
    """Sum of w l in rational arithmetic, rounded once."""
    return float(
        sum(
            (
                Fraction(r.ratio) * Fraction(r.confidence)
                for r in rows
                if r.agent == agent
            ),
            Fraction(0),
        )
    )


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
    for size, threads in ((7, None), (50, 2), (10**4, None)):
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


def test_liars_cannot_turn_a_certified_decision(tmp_path: Path) -> None:
    rows, truth = drawn(4, agents=9, sources=13, each=2, size=4.0)
    lies = [
        Row(r.source, r.agent, r.kind, -50.0 * np.sign(r.ratio), 1.0, r.night)
        if r.source >= "s09" else r
        for r in rows
    ]  # fmt: skip
    found = consensus_of_night(store_of(tmp_path, lies), as_of=AS_OF)
    assert (found.mode_text, found.coverage) == ("robust(4)", 1.0)
    decided = found.found.hypothesis
    assert (decided >= 0).sum() >= len(truth) - 1
    assert set(zip(truth, decided, strict=True)) <= {
        (True, 0), (False, 1), (True, -1), (False, -1),
    }  # fmt: skip
    believed = found.found.believed[:, 0]
    assert ((believed > 0) != truth).all(), "the attack would have worked on exact"
    for at, agent in enumerate(found.agents):
        honest = found.log_prior[0] + sum(
            share * by_hand([r for r in rows if r.source == source], agent)
            for source, share in zip(found.sources, found.own_tempering, strict=True)
            if source < "s09"
        )
        low, high = found.found.lower[at, 0], found.found.upper[at, 0]
        assert low - 1e-9 <= honest <= high + 1e-9
    assert np.abs(found.found.estimate).max() < 200


def test_silent_sources_count_among_the_known(tmp_path: Path) -> None:
    rows, _ = drawn(5, agents=4, sources=5)
    store = store_of(tmp_path, rows)
    found = consensus_of_night(store, as_of=AS_OF, expected=("t0", "t1", "t2", "t3"))
    assert (found.coverage, found.mode_text) == (5 / 9, "robust(2)")
    assert np.isnan(found.age_seconds["t0"])
    assert found.age_seconds["s00"] == 7 * 3_600
    lost = consensus_of_night(
        store, as_of=AS_OF, expected=tuple(f"t{k}" for k in range(9))
    )
    assert {lost.status(k) for k in range(4)} == {"quorum lost"}
    assert (lost.found.posterior.log_odds[:, 0] == lost.log_prior[0]).all()


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


def test_copies_have_one_voice(tmp_path: Path) -> None:
    rows, _ = drawn(7, agents=60, sources=6, size=1.0)
    copies = [
        Row("copy", r.agent, r.kind, r.ratio, r.confidence, r.night)
        for r in rows if r.source == "s00"
    ]  # fmt: skip
    store = store_of(tmp_path, rows + copies)
    options = ConsensusOptions(mode="exact", prior=0.5, tempering=1.0)
    found = consensus_of_night(store, options=options, as_of=AS_OF)
    assert found.together == (("copy", "s00"),)
    alone = [by_hand(rows, agent) for agent in found.agents]
    np.testing.assert_allclose(found.found.posterior.log_odds[:, 0], alone, rtol=1e-12)
    assert "1 groups of sources" in found.guarantee.sources
    both = consensus_of_night(store, options=PLAIN, as_of=AS_OF)
    assert both.together == (("copy", "s00"),)
    expected = [by_hand(rows + copies, agent) for agent in found.agents]
    assert both.found.posterior.log_odds[:, 0].tolist() == expected


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
    write_evidence(store, shards([Row("t", "a0", EVIDENCE_TYPES[0], 1.0)]))
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
