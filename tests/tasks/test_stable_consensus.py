"""The consensus that is awaited: exact, once per id, never NaN, never clamped."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import distributed_bayesian_consensus as drop_in
import numpy as np
import pytest

from stats.summary import InvalidInput, NotEnoughData
from tasks.consensus import BayesianEvidence, EvidenceType, StableBayesianConsensus
from tasks.history.subject import UnknownName


def say(
    number: int, log_odds: float, *, source: str = "s0", agent: str = "a",
    confidence: float = 1.0,
) -> BayesianEvidence:  # fmt: skip
    kind = list(EvidenceType)[number % 6]
    return BayesianEvidence(
        f"e{number}", agent, kind, log_odds, confidence, 1.7e9 + number, source
    )


def ask(
    evidence: list[BayesianEvidence], agent: str = "a", **given: Any
) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        found = StableBayesianConsensus(**given)
        for one in evidence:
            await found.add_evidence(one)
        return await found.distributed_evidence_consensus(agent)

    return asyncio.run(run())


def added(*evidence: BayesianEvidence) -> list[str]:
    async def run() -> list[str]:
        found = StableBayesianConsensus()
        return [(await found.add_evidence(one))["status"] for one in evidence]

    return asyncio.run(run())


def mixed(n: int, drift: float) -> list[BayesianEvidence]:
    rng = np.random.default_rng(n)
    ratio = rng.normal(drift, 1, n)
    ratio[: n // 10] = 1e16
    ratio[-(n // 10) :] = -1e16
    weight = rng.integers(0, 5, n) / 4
    weight[: n // 10], weight[-(n // 10) :] = 1.0, 1.0
    return [
        say(k, float(ratio[k]), confidence=float(weight[k]), source=f"s{k % 3}")
        for k in rng.permutation(n)
    ]


@pytest.mark.parametrize("drift", [0.0, 0.05, -0.05])
def test_log_odds_are_the_rational_sum_rounded_once(drift: float) -> None:
    evidence = mixed(1_000, drift)
    exact = sum(
        (Fraction(e.log_odds) * Fraction(e.confidence) for e in evidence), Fraction(0)
    )
    answers = [
        ask(order, partition_size=size)
        for order in (evidence, evidence[::-1])
        for size in (1, 10, 1_000, 10_000)
    ]
    assert [answer["log_odds"] for answer in answers] == [float(exact)] * 8
    assert all(answer == answers[0] for answer in answers[1:])
    assert answers[0]["n"] == 1_000
    assert answers[0]["error_bound"] < 1e-10


def test_prior_counts_once_and_types_and_sources_add_up() -> None:
    evidence = [say(k, 0.5, source=f"s{k % 2}") for k in range(12)]
    found = ask(evidence, prior=0.2, partition_size=1)
    assert found["log_odds"] == 6.0 + math.log(0.25)
    assert found["by_type"] == dict.fromkeys(sorted(EvidenceType), 1.0)
    assert {k: v["log_ratio"] for k, v in found["by_source"].items()} == {
        "s0": 3.0, "s1": 3.0,
    }  # fmt: skip
    assert (found["mode"], found["status"]) == ("robust(0)", "exact")


@pytest.mark.parametrize("size", [40.0, 745.0, 1e9, -1e9, 1e300])
def test_p_is_never_nan_and_nothing_is_clamped(size: float) -> None:
    found = ask([say(0, size)])
    assert found["log_odds"] == size
    assert found["probability"] + math.exp(found["log_not_probability"]) == 1.0
    assert (found["log_not_probability"] if size > 0 else found["log_probability"]) == (
        -abs(size)
        if abs(size) > 40
        else pytest.approx(-abs(size), abs=math.exp(-abs(size)))
    )


def test_confidence_0_has_no_effect_and_1_full() -> None:
    found = ask([say(0, 3.0, confidence=0.0), say(1, 2.0), say(2, 4.0, confidence=0.5)])
    assert (found["log_odds"], found["n"]) == (4.0, 3)


def test_the_same_id_again_is_a_no_op() -> None:
    one = say(0, 2.0)
    assert added(one, one, replace(one)) == ["accepted", "repeat", "repeat"]
    found = ask([one, one, replace(one)])
    assert (found["log_odds"], found["n"]) == (2.0, 1)


def test_another_content_under_an_id_is_refused_and_its_source_named() -> None:
    evidence = [say(0, 2.0), say(1, 1.0, source="s1"), say(0, 5.0)]
    assert added(*evidence) == ["accepted", "accepted", "conflict"]
    for order in (evidence, evidence[::-1]):
        found = ask(order)
        assert found["log_odds"] == 1.0
        assert found["byzantine_sources"] == ["s0"]
        assert found["conflicts"] == {"s0": ["e0"]}
    stolen = [say(0, 2.0), say(0, -9.0, source="thief")]
    assert ask(stolen)["log_odds"] == -7.0, "an id is its source's own"
    assert ask(stolen)["byzantine_sources"] == []


def test_ten_sources_withstand_three_liars_and_one_flood() -> None:
    honest = [say(100 * s + k, 4.0, source=f"s{s}") for s in range(7) for k in range(2)]
    lies = [
        say(1_000 * s + k, -50.0, source=f"s{s}")
        for s in (7, 8, 9) for k in range(300 if s == 9 else 2)
    ]  # fmt: skip
    found = ask(honest + lies)
    assert (found["mode"], found["status"]) == ("robust(3)", "certified")
    assert found["decision"] == "compromised"
    assert found["believed"] < -10_000
    assert found["lower"] <= found["estimate"] <= found["upper"]
    once = ask([*honest, *lies[:4], say(9_999, -50.0, source="s9")])
    assert once["log_odds"] == pytest.approx(found["log_odds"], abs=1e-12)
    assert found["byzantine_sources"] == [], "being different proves nothing"


def test_a_certificate_needs_more_than_f_honest_words() -> None:
    found = ask([say(s, 50.0, source=f"s{s}") for s in range(3)] + [
        say(s, -0.1, source=f"s{s}") for s in range(3, 10)
    ])  # fmt: skip
    assert found["status"] == "undetermined"
    assert found["decision"] is None
    assert abs(found["log_odds"]) < 1
    assert found["would_settle"]


def test_the_threshold_says_how_many_may_lie() -> None:
    said = [say(s, 1.0, source=f"s{s}") for s in range(10)]
    modes = [ask(said, byzantine_threshold=t)["mode"] for t in (0.0, 0.1, 0.2, 1 / 3)]
    assert modes == ["robust(0)", "robust(0)", "robust(1)", "robust(3)"]


def test_what_cannot_be_is_refused_and_nothing_is_taken_in() -> None:
    for bad in (
        say(0, math.nan), say(0, math.inf), say(0, 1.0, confidence=1.5),
        replace(say(0, 1.0), timestamp=math.nan),
        replace(say(0, 1.0), evidence_type="x"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            added(bad)
    with pytest.raises(InvalidInput, match="threshold"):
        StableBayesianConsensus(0.5)
    with pytest.raises(InvalidInput, match="partitions"):
        StableBayesianConsensus(partition_size=0)
    with pytest.raises(NotEnoughData, match="no evidence was added"):
        ask([])
    with pytest.raises(UnknownName, match="The closest are agent-1"):
        ask([say(0, 1.0, agent="agent-1")], agent="agent-2")


def test_the_drop_in_module_has_the_same_names() -> None:
    assert drop_in.StableBayesianConsensus is StableBayesianConsensus
    assert drop_in.BayesianEvidence is BayesianEvidence
    assert drop_in.EvidenceType is EvidenceType


def test_where_all_sources_are_faulty_nothing_is_known() -> None:
    with pytest.raises(UnknownName, match="among 0 agents"):
        ask([say(0, 1.0), say(0, 2.0)])
