"""Random histories: a reader is never given less than its model promises."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from stats.contracts import view_of
from stats.simulate_network import NetworkParams, simulate
from stats.simulate_versions import VersionParams
from stats.staleness import ConsistencyModel, StalenessPolicy
from tests.readers import BOUNDED, CAUSAL, EVENTUAL, STATISTICAL, STRONG, Reader

VERSIONS = VersionParams(sites=2, nights=3, correct=0.2, equivocate=0.06, rows=1)
NETWORK = NetworkParams(
    replicas=2, reads=5, exchanges=3, commits=4, resends=3, lose=0.15
)


def histories(seeds, read=view_of):
    """Counts over all histories, and every broken promise with its seed."""
    counts, broken = Counter(), []
    for seed in seeds:
        reader = Reader(read)
        simulate(seed, VERSIONS, NETWORK, watch=reader)
        counts += reader.counts
        broken += [f"seed {seed}: {what}" for what in reader.broken]
    return counts, broken


def check(seeds, least):
    counts, broken = histories(seeds)
    assert broken == []
    for model in (STRONG, CAUSAL, BOUNDED):
        assert counts[model, "answered"] >= least, counts
        assert counts[model, "refused"] >= least, counts
    for model in (STATISTICAL, EVENTUAL):
        assert counts[model, "answered"] >= least
        assert counts[model, "refused"] == 0
    return counts


def test_no_promise_is_broken_in_a_hundred_histories():
    check(range(100), least=50)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_no_promise_is_broken_in_ten_thousand_histories():
    counts = check(range(10_000, 20_000), least=2_000)
    found = {f"{model.value}, {what}": n for (model, what), n in sorted(counts.items())}
    print(json.dumps(found))  # noqa: T201 - the numbers are the result


def _instead(model, other, ledger, night, asked, policy, **given):
    """Read under another model where one was asked for, and say it was that one."""
    view = view_of(ledger, night, other if asked is model else asked, policy, **given)
    return replace(view, model=asked, policy=policy)


def _wide(ledger, night, model, policy, **given):
    """Every bound is forgotten."""
    view = view_of(ledger, night, model, StalenessPolicy(None, 1e12), **given)
    return replace(view, policy=policy)


def _forgets(ledger, night, model, policy, **given):
    """What the reader saw before is forgotten."""
    return view_of(
        ledger,
        night,
        model,
        policy,
        **given | ({"seen": None} if "seen" in given else {}),
    )


WRONG = {
    "strong answers with a part": (STRONG, partial(_instead, STRONG, EVENTUAL)),
    "nobody waits for a dependency": (CAUSAL, partial(_instead, CAUSAL, EVENTUAL)),
    "a stale answer is served": (BOUNDED, _wide),
    "a reader goes back": (CAUSAL, _forgets),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_check_finds_every_broken_contract(name):
    model, read = WRONG[name]
    found = (histories([seed], read)[1] for seed in range(40))
    broken = next((one for one in found if one), [])
    assert broken, "never found out"
    assert {what.split(": ")[1] for what in broken} == {str(model)}


def test_all_models_are_read():
    counts, _ = histories(range(5))
    assert {model for model, _ in counts} == set(ConsistencyModel)
