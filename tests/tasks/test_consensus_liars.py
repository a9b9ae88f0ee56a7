"""Sources that lie, copy or are silent in the consensus of a night."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.consensus import ConsensusOptions, consensus_of_night
from tests.tasks.consensus_data import AS_OF, NIGHTS, Row, by_hand, drawn, store_of

PLAIN = ConsensusOptions(mode="exact", prior=0.5, tempering=1.0, one_voice=False)


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
    rows, _ = drawn(5, agents=4, sources=5, nights=NIGHTS[1:])
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


def test_a_liar_that_copies_cannot_lower_the_number_of_liars(tmp_path: Path) -> None:
    """Four liars join four honest voices, and lie about one agent."""
    rows, truth = drawn(11, agents=60, sources=9, size=8.0, nights=NIGHTS[1:])
    rng = np.random.default_rng(11)
    rows = [
        Row(r.source, r.agent, r.kind, r.ratio + rng.normal() * 1e-6, 1.0, r.night)
        for r in rows
    ]  # fmt: skip
    target = "a000"
    lies = [
        Row(f"liar{k}", r.agent, r.kind,
            -1e6 if r.agent == target else r.ratio, 1.0, r.night)
        for k in range(4) for r in rows if r.source == f"s{k:02d}"
    ]  # fmt: skip
    options = ConsensusOptions(prior=0.5, tempering=1.0)
    found = consensus_of_night(
        store_of(tmp_path, rows + lies), options=options, as_of=AS_OF
    )
    assert len(found.together) == 4
    assert (found.mode_text, found.found.voices.n_voices) == ("robust(4)", 13)
    decided = found.found.hypothesis
    assert truth[0]
    assert decided[0] != 1
    assert set(zip(truth[1:], decided[1:], strict=True)) <= {
        (True, 0), (False, 1), (True, -1), (False, -1),
    }  # fmt: skip
    assert (decided[1:] >= 0).mean() > 0.9


def test_copies_have_one_voice(tmp_path: Path) -> None:
    rows, _ = drawn(7, agents=60, sources=6, size=1.0, nights=NIGHTS[1:])
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
