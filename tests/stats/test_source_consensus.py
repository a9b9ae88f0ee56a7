"""Sources weighed: the attack suite, a naive twin, sources that share a voice."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from stats.byzantine import decide
from stats.evidence import EvidenceSums, log_posterior
from stats.source_consensus import STATUSES, SourceConsensus, consensus_of_sources
from stats.source_voices import voices_of
from stats.summary import InvalidInput
from tests.attacks import ATTACKS, TRUTH, Layout, attacked_runs


def weighed(beliefs: np.ndarray, f: int, **given: object) -> SourceConsensus:
    """Sums (runs, sources, h) as rows of evidence; one that is not finite is unsaid."""
    runs, n, h = beliefs.shape
    said = np.isfinite(beliefs).all(axis=2)
    run, source = np.nonzero(said)
    sums = EvidenceSums.from_block(
        beliefs[said].ravel(), 1.0, np.repeat(np.arange(len(run)), h), len(run),
        hypotheses=np.tile(np.arange(h), len(run)), n_hypotheses=h,
    )  # fmt: skip
    options = {"voice": np.arange(n), "log_prior": np.zeros(h)} | given
    return consensus_of_sources(sums, run, source, runs, f=f, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [4, 7, 13])
def test_no_known_attack_turns_a_decision(n: int) -> None:
    layout = Layout("homogeneous", n, (n - 1) // 3)
    rng = np.random.default_rng(n)
    for name in ATTACKS:
        (sent,) = attacked_runs(layout, name, 40, rng)
        found = weighed(sent, layout.f)
        assert set(found.hypothesis.tolist()) <= {-1, TRUTH}, name
        usual = decide(np.where(np.isfinite(sent), sent, np.nan), layout.f)
        np.testing.assert_array_equal(found.hypothesis, usual.hypothesis)
        np.testing.assert_array_equal(found.status, usual.status)
        assert (found.lower <= found.estimate).all()
        assert (found.estimate <= found.upper).all()
        assert np.isfinite(found.posterior.log_odds).all()
        np.testing.assert_allclose(found.posterior.p.sum(axis=1), 1, rtol=1e-14)
        honest = weighed(sent[:, : n - layout.f], 0).posterior.log_odds
        assert (honest >= found.lower - 1e-9).all()
        assert (honest <= found.upper + 1e-9).all()


def test_without_liars_it_is_the_posterior_of_all_bit_for_bit() -> None:
    rng = np.random.default_rng(1)
    agent, source = rng.integers(0, 9, 300), rng.integers(0, 5, 300)
    ratio = rng.choice([1e16, -1e16, 0.3], 300)
    sums = EvidenceSums.from_block(ratio, 1.0, np.arange(300), 300)
    found = consensus_of_sources(
        sums, agent, source, 9, voice=np.arange(5), f=0, log_prior=-1.0, tempering=0.7
    )
    wanted = log_posterior(EvidenceSums.from_block(ratio, 1.0, agent, 9), -1.0, 0.7)
    np.testing.assert_array_equal(found.posterior.log_odds, wanted.log_odds)
    np.testing.assert_array_equal(found.posterior.effective_n, wanted.effective_n)
    assert {STATUSES[k] for k in found.status} == {"exact"}


def test_a_shared_voice_is_the_mean_of_its_sources() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4, 3)) * 1e8
    sums = EvidenceSums.from_block(x.ravel(), 1.0, np.arange(12), 12)
    agent, source = np.divmod(np.arange(12), 3)
    found = consensus_of_sources(
        sums, agent, source, 4, voice=[0, 1, 0], f=0, log_prior=0.0
    )
    exact = [
        float((Fraction(a) + Fraction(c)) / 2 + Fraction(b)) for a, b, c in x.tolist()
    ]
    odds = found.posterior.log_odds[:, 0]
    assert (np.abs(odds - exact) <= found.posterior.error[:, 0]).all()
    assert found.posterior.effective_n.tolist() == [2.0] * 4
    assert found.spoke.tolist() == [2] * 4
    assert found.voices.n_voices == 3


def test_largest_share_names_the_loudest() -> None:
    sums = EvidenceSums.from_block([1.0, -3.0, 0.0], 1.0, [0, 1, 2], 3)
    said = voices_of(sums, [0, 0, 1], [0, 2, 1], 3)
    share, who = said.largest_share(3)
    np.testing.assert_array_equal(share, [0.75, np.nan, np.nan])
    assert who.tolist() == [2, -1, -1]


def test_half_a_statement_counts_for_nothing() -> None:
    sums = EvidenceSums.from_block(
        [5.0, 1.0, 9.0], 1.0, [0, 0, 1], 2, hypotheses=[0, 1, 0], n_hypotheses=2
    )
    found = consensus_of_sources(
        sums, [0, 0], [0, 1], 1, voice=[0, 1], f=0, log_prior=[0.0, 0.0]
    )
    assert found.posterior.log_odds[0].tolist() == [4.0, -4.0]


def test_a_prior_outweighs_a_certificate_and_quorum_lost_keeps_it() -> None:
    beliefs = np.zeros((1, 7, 2))
    beliefs[0, :, 0] = 5.0
    sure = weighed(beliefs, 2)
    assert (STATUSES[sure.status[0]], sure.hypothesis[0]) == ("certified", 0)
    doubted = weighed(beliefs, 2, log_prior=np.array([-40.0, 0.0]))
    assert (STATUSES[doubted.status[0]], doubted.hypothesis[0]) == ("undetermined", -1)
    lost = weighed(beliefs[:, :6], 2, log_prior=np.array([-1.0, 0.0]))
    assert STATUSES[lost.status[0]] == "quorum lost"
    assert lost.posterior.log_odds[0, 0] == pytest.approx(-1.0)


def test_what_does_not_fit_is_refused() -> None:
    sums = EvidenceSums.from_block([1.0], 1.0, [0], 1)
    for given in ({"f": -1}, {"agent": [0, 0]}, {"source": [3]}):
        options = {"agent": [0], "source": [0], "f": 0} | given
        with pytest.raises(InvalidInput):
            consensus_of_sources(
                sums, options["agent"], options["source"], 1, voice=[0],
                f=options["f"], log_prior=0.0,
            )  # fmt: skip
