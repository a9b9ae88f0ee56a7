"""What sources are worth: by audits, by agreement, and never by shouting."""

import numpy as np
import pytest
from scipy import optimize, special

from stats.evidence_weights import evidence_weights
from stats.logistic import fit_slopes
from stats.summary import InvalidInput


def world(rng, agents, sources=10, *, share=0.3, delta=1.5):
    """Truth, and ratios that are calibrated, each source by itself."""
    truth = rng.random(agents) < share
    side = np.where(truth, 0.5, -0.5)[:, None] * delta**2
    return truth, side + delta * rng.standard_normal((agents, sources))


PRIOR = float(special.logit(0.3))


@pytest.mark.parametrize("known", [True, False])
def test_slopes_are_the_maximum_that_another_optimiser_finds(known):
    rng = np.random.default_rng(1)
    truth, x = world(rng, 300, 3)
    belief = np.where(truth, 1.0, -1.0) + 1.4 * rng.standard_normal(300)
    belief = np.where(truth, np.inf, -np.inf) if known else belief
    x[rng.random(x.shape) < 0.3] = np.nan
    offset = np.array([-0.5, 0.0, 0.3])
    slope, sd = fit_slopes(x, belief[:, None], offset, sd=0.5)
    for s in range(3):
        said = ~np.isnan(x[:, s])
        z, given = x[said, s], belief[said]

        def loss(b, z=z, given=given, off=offset[s]):
            p = special.expit(b * z + off)
            ratio = np.where(given > 0, 1.0, np.exp(np.minimum(given, 0)))
            other = np.where(given > 0, np.exp(-np.maximum(given, 0)), 1.0)
            return (b - 1) ** 2 / 0.5 - np.log(p * ratio + (1 - p) * other).sum()

        best = optimize.minimize_scalar(loss, bounds=(-5, 5), method="bounded")
        assert slope[s] == pytest.approx(best.x, abs=1e-4)
        step = 1e-3
        second = loss(best.x + step) - 2 * loss(best.x) + loss(best.x - step)
        assert sd[s] == pytest.approx(step / np.sqrt(second), rel=1e-3)


@pytest.mark.parametrize("audits", [2_000, 200])
def test_audits_find_who_shouts_whispers_guesses_and_lies(audits):
    rng = np.random.default_rng(2)
    truth, x = world(rng, 4_000)
    x[:, 0] *= 3.0
    x[:, 1] *= 0.5
    x[:, 2] = 1.5 * rng.standard_normal(4_000)
    x[:, 3] *= -1.0
    x[:, 4] = 50.0
    found = evidence_weights(
        x, prior=PRIOR, audit=np.where(np.arange(4_000) < audits, truth, -1)
    )
    assert found.by_audits.all()
    wide = 0.12 if audits == 2_000 else 0.35
    np.testing.assert_allclose(found.weight[0], 1 / 3, atol=wide)
    np.testing.assert_allclose(found.weight[1], 2.0, atol=3 * wide)
    np.testing.assert_allclose(found.weight[[2, 3, 4]], 0.0, atol=wide)
    np.testing.assert_allclose(found.weight[5:], 1.0, atol=2 * wide)
    assert found.weight[1] <= 2.0
    assert (abs(found.slope[5:] - 1.0) <= 4 * found.sd[5:]).all()


def test_agreement_alone_lowers_and_never_raises():
    rng = np.random.default_rng(3)
    _, x = world(rng, 20_000)
    x[:, 0] *= 3.0
    x[:, 1] *= 0.3
    x[:, 2] = 1.5 * rng.standard_normal(20_000)
    x[:, 3] *= -1.0
    found = evidence_weights(x, prior=PRIOR)
    assert not found.by_audits.any()
    assert (found.weight <= 0.8).all()
    assert found.weight[0] == pytest.approx(0.8 / 3, abs=0.05)
    assert found.weight[1] == 0.8
    np.testing.assert_allclose(found.weight[2:4], 0.0, atol=0.05)
    np.testing.assert_allclose(found.weight[4:], 0.8, atol=0.1)


@pytest.mark.parametrize("value", [50.0, -50.0, 1e300])
def test_three_liars_of_ten_do_not_lower_honest_sources(value):
    _, x = world(np.random.default_rng(4), 5_000)
    x[:, 7:] = value
    found = evidence_weights(x, prior=PRIOR)
    assert found.weight[7:].max() < 0.05
    assert found.weight[:7].min() > 0.7


@pytest.mark.parametrize("prior", [-3.0, 1.0])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_prior_that_is_off_does_not_turn_the_sources_round(prior, share):
    _, x = world(np.random.default_rng(8), 5_000, share=share)
    x[:, 0] *= -1.0
    x[:, 8:] = 50.0
    found = evidence_weights(x, prior=prior)
    assert found.weight[[0, 8, 9]].max() < 0.2
    assert found.weight[1:8].min() > 0.4


def test_a_new_source_counts_from_its_first_evidence_on():
    table = np.array([[np.nan, 2.0]])
    found = evidence_weights(table, prior=0.0)
    assert found.weight.tolist() == [0.8, 0.8]
    assert found.n.tolist() == [0, 1]
    proven = evidence_weights(table, prior=0.0, faults=[0, 15])
    assert proven.weight.tolist() == [0.8, 0.2]
    audited = evidence_weights(np.full((5, 1), 0.1), prior=0.0, audit=[1, 1, 0, 0, 1])
    assert audited.reputation[0] == 0.9
    assert 0.8 < audited.weight[0] <= 1.0


def test_few_audits_do_not_undo_what_all_others_contradict():
    rng = np.random.default_rng(5)
    truth, x = world(rng, 5_000)
    x[20:, 0] *= -1.0  # behaves while it is watched
    audit = np.where(np.arange(5_000) < 9, truth, -1)
    found = evidence_weights(x, prior=PRIOR, audit=audit)
    assert found.audited[0] == 9
    assert found.weight[0] < 0.1
    assert (found.weight <= 1.0).all()


@pytest.mark.parametrize("audited", [False, True])
def test_weighted_evidence_loses_less(audited):
    rng = np.random.default_rng(6)
    truth, x = world(rng, 10_000, delta=0.8)
    x[:, :2] *= 4.0
    x[:, 2:4] *= -1.0
    audit = np.where(np.arange(10_000) < 500, truth, -1) if audited else None
    weight = evidence_weights(x, prior=PRIOR, audit=audit).weight
    rest = slice(500, None)

    def loss(w):
        score = x[rest] @ w + PRIOR
        return np.logaddexp(0.0, np.where(truth[rest], -score, score)).mean()

    assert loss(weight) <= 0.6 * loss(np.ones(10))
    best = np.concatenate([[0.25, 0.25, -1.0, -1.0], np.ones(6)])
    assert loss(weight) <= 1.35 * loss(best)


def test_what_does_not_fit_is_refused():
    table = np.zeros((3, 2))
    for wrong, words in (
        ({"prior": np.nan}, "prior nan"),
        ({"prior": 0.0, "most": 0.5}, r"most 0\.5"),
        ({"prior": 0.0, "audit": [0, 1]}, "for 3 agents"),
        ({"prior": 0.0, "audit": [0, 1, 2]}, "not audited"),
        ({"prior": 0.0, "faults": [1]}, "for 2"),
        ({"prior": 0.0, "faults": [-1, 0]}, "whole number"),
    ):
        with pytest.raises(InvalidInput, match=words):
            evidence_weights(table, **wrong)
