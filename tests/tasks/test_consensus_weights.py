"""Weights and informative sources in the consensus of a night."""

from __future__ import annotations

import numpy as np
import pytest

from stats.summary import InvalidInput
from storage.store import BehaviorStore
from tasks.consensus import Consensus, ConsensusOptions, consensus_of_night
from tasks.consensus_answer import agent_answer
from tasks.consensus_words import agent_words
from tasks.publish_consensus import consensus_identity
from tests.tasks.consensus_data import AS_OF, NIGHTS, Row, drawn, store_of

AGENTS = 90


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.arange(AGENTS) % 3 == 0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BehaviorStore:
    """Two of seven sources shout something that has nothing to do with the truth."""
    rng = np.random.default_rng(3)
    rows = [
        Row(r.source, r.agent, r.kind, float(20 * rng.standard_normal()), 1.0, r.night)
        if r.source >= "s05" else r
        for r in drawn(2, agents=AGENTS, size=1.0, nights=NIGHTS[1:])[0]
    ]  # fmt: skip
    return store_of(tmp_path_factory.mktemp("weights"), rows)


def weigh(store: BehaviorStore, size: int = 100_000, **given: object) -> Consensus:
    options = ConsensusOptions(
        **({"mode": "exact", "prior": 0.3, "tempering": 1.0} | given)  # type: ignore[arg-type]
    )
    return consensus_of_night(store, options=options, as_of=AS_OF, partition_size=size)


def loss(found: Consensus, truth: np.ndarray) -> float:
    log_p = found.found.posterior.log_p
    return float(-np.where(truth, log_p[:, 0], log_p[:, 1]).mean())


def test_learnt_weights_turn_down_who_shouts(
    store: BehaviorStore, truth: np.ndarray
) -> None:
    plain, learnt = weigh(store), weigh(store, weights="learnt")
    assert loss(plain, truth) > 3.0
    assert loss(learnt, truth) < 0.35
    assert plain.weights is None
    assert learnt.weights is not None
    weight = learnt.weights.weight
    assert (weight[5:] < 0.1).all()
    assert (weight[:5] > 0.4).all()
    assert learnt.digest == plain.digest
    assert consensus_identity(learnt) != consensus_identity(plain)
    assert "exact with learnt weights" in learnt.guarantee.sources
    assert "one liar can turn it" in learnt.guarantee.sources
    kept = learnt.to_dataset()
    np.testing.assert_array_equal(kept["weight"].values, weight)
    assert "weight" not in plain.to_dataset()


def test_no_bit_of_weights_depends_on_partitions(store: BehaviorStore) -> None:
    whole = weigh(store, weights="learnt")
    parts = weigh(store, 17, weights="learnt")
    assert whole.weights is not None
    assert parts.weights is not None
    assert whole.weights.weight.tobytes() == parts.weights.weight.tobytes()
    one, other = (c.found.posterior.log_odds.tobytes() for c in (whole, parts))
    assert one == other


def test_answers_name_the_weight_of_every_source(store: BehaviorStore) -> None:
    found = weigh(store, weights="learnt")
    assert found.weights is not None
    said = agent_answer(found, "a003")["by_source"]
    assert {name: one["weight"] for name, one in said.items()} == dict(
        zip(found.sources, found.weights.weight.tolist(), strict=True)
    )
    total = found.log_prior[0] + sum(
        one["log_ratio"] * one["weight"] for one in said.values()
    )
    assert found.found.posterior.log_odds[3, 0] == pytest.approx(total)
    words = agent_words(found, "a003")
    assert words.columns[-1] == "weight"
    assert any(
        line.startswith("Weights: learnt without audits") for line in words.lines
    )
    plain = agent_words(weigh(store), "a003")
    assert plain.columns[-1] == "suspicion"


def test_informative_sources_allow_the_weaker_status(store: BehaviorStore) -> None:
    given = {"mode": "robust", "prior": 0.5}
    without, few, enough = (
        weigh(store, **given, informative=k) for k in (None, 4, 5)
    )  # fmt: skip
    assert without.f == 2
    states = [{c.status(k) for k in range(AGENTS)} for c in (without, few, enough)]
    assert states[0] == states[1] == {"undetermined"}
    assert states[2] == {"supported", "undetermined"}
    for name in ("log_odds", "p"):
        np.testing.assert_array_equal(
            getattr(enough.found.posterior, name),
            getattr(without.found.posterior, name),
        )
    assert "Supported ones rest on 5 honest sources" in enough.guarantee.sources
    assert "Supported" not in without.guarantee.sources
    at = next(k for k in range(AGENTS) if enough.status(k) == "supported")
    answer = agent_answer(enough, str(enough.agents[at]))
    assert answer["decision"] == answer["leading"]
    assert answer["would_settle"] == ""


def test_a_certified_decision_stays_certified(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    sure = drawn(9, agents=6, sources=7, each=2, size=6.0)[0]
    store = store_of(tmp_path_factory.mktemp("sure"), sure)
    given = {"mode": "robust", "prior": 0.5}
    plain, more = weigh(store, **given), weigh(store, **given, informative=5)
    assert {plain.status(k) for k in range(6)} == {"certified"}
    np.testing.assert_array_equal(plain.found.status, more.found.status)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mode": "robust", "weights": "learnt"}, "weights in mode robust"),
        ({"mode": "exact", "weights": "mine"}, "weights 'mine'"),
        ({"mode": "robust", "informative": -1}, "-1 informative"),
        ({"mode": "exact", "informative": 5}, "in mode exact"),
    ],
)
def test_options_that_cannot_be_are_refused(given: dict, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        ConsensusOptions(**given)
