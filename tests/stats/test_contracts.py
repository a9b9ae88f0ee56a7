"""Each consistency model: what it returns, and what it refuses with what reason."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.announced import clock_of
from stats.availability import Availability
from stats.clock import VectorClock
from stats.contracts import require_certainty, view_of
from stats.ledger import ShardLedger
from stats.nights import night_end
from stats.progress import progress
from stats.refusals import (
    NotYet,
    Refused,
    StalenessExceeded,
    TooUncertain,
    Unavailable,
)
from stats.staleness import (
    POLICIES,
    ConsistencyModel,
    DataKind,
    PartitionState,
    StalenessPolicy,
    partition_state,
)
from stats.summary import InvalidInput
from stats.views import LABELS, roster_mass
from tests.ledgers import entry, manifest, night, whole_nights

HOUR = 3_600_000_000_000
STRONG, CAUSAL, BOUNDED, STATISTICAL, EVENTUAL = ConsistencyModel


def _ledger(*parts):
    return ShardLedger.from_entries([one for part in parts for one in part])


def _now(k, hours=6.0):
    return night_end(night(k)) + int(hours * HOUR)


TWO = _ledger(
    whole_nights("a", range(1, 6), agents=30), whole_nights("b", range(1, 4), agents=10)
)


def test_strong_gives_the_newest_complete_night_and_never_a_part_of_one():
    view = view_of(TWO, None, STRONG, now=_now(5))
    assert (view.night, view.watermark, view.arrived_mass) == (night(3), night(3), 1.0)
    assert {one.night for one in view.winners} == {night(1), night(2), night(3)}
    assert view_of(TWO, night(2), STRONG, now=_now(5)).night == night(2)
    with pytest.raises(Unavailable) as refused:
        view_of(TWO, night(4), STRONG, now=_now(5))
    assert (refused.value.missing, refused.value.newest) == (("b",), night(3))
    with pytest.raises(Unavailable, match="c"):
        view_of(TWO, None, STRONG, now=_now(5), roster=("c",))


def test_causal_refuses_what_depends_on_the_unknown_and_never_goes_back():
    note = '{"deps":["b/0-7"]}'
    waits = _ledger(TWO.entries(), [entry(k=6, seq=11, content=5, note=note)])
    with pytest.raises(NotYet) as refused:
        view_of(waits, None, CAUSAL, now=_now(6))
    assert (refused.value.dependency, refused.value.missing) == (("b", 0, 7), 1)
    assert view_of(waits, night(5), CAUSAL, now=_now(6)).night == night(5)
    closed = waits.merge(_ledger([entry("b", 4, 7)]))
    view = view_of(closed, None, CAUSAL, now=_now(6))
    assert view.clock == clock_of(closed)
    with pytest.raises(NotYet) as back:
        view_of(TWO, None, CAUSAL, now=_now(6), seen=view.clock)
    assert back.value.dependency == ("a", 0, 11)
    assert view_of(closed, None, CAUSAL, now=_now(6), seen=view.clock).n == view.n


def test_bounded_staleness_refuses_beyond_nights_or_seconds():
    policy = StalenessPolicy(versions=2, seconds=60 * 3600.0)
    assert view_of(TWO, None, BOUNDED, policy, now=_now(5)).night == night(5)
    for tight in (replace(policy, versions=1), replace(policy, seconds=53 * 3600.0)):
        with pytest.raises(StalenessExceeded) as refused:
            view_of(TWO, None, BOUNDED, tight, now=_now(5))
        assert (refused.value.site, refused.value.versions) == ("b", 2)
        assert refused.value.seconds == 54 * 3600.0
        assert refused.value.sites == ("b",)
    with pytest.raises(StalenessExceeded, match="2 sites"):
        view_of(TWO, None, BOUNDED, policy, now=_now(9))


def test_statistical_widens_and_refuses_only_when_asked_to():
    view = view_of(TWO, now=_now(5))
    assert (view.model, view.night, view.arrived_mass) == (STATISTICAL, night(5), 0.75)
    assert (view.degraded, view.missing_mass) == (True, 0.25)
    assert (view.mass, view.mass_unit) == ({"a": 0.75, "b": 0.25}, "agents")
    assert view.ages["b"].is_lower_bound
    with pytest.raises(TooUncertain) as few:
        view_of(TWO, None, STATISTICAL, StalenessPolicy(min_mass=0.8), now=_now(5))
    assert math.isnan(few.value.width)
    narrow = view_of(TWO, None, STATISTICAL, StalenessPolicy(max_width=2), now=_now(5))
    assert require_certainty(narrow, 2.0) is narrow
    for width in (2.1, math.nan):
        with pytest.raises(TooUncertain):
            require_certainty(narrow, width)
    assert require_certainty(view, math.inf) is view


def test_eventual_answers_always_and_no_data_is_no_number():
    nothing = view_of(_ledger(), night(1), EVENTUAL, now=_now(1), roster=("a",))
    assert (nothing.n, nothing.arrived_mass) == (0, 0.0)
    assert "n=0 (no data)" in repr(nothing)
    assert view_of(TWO, night(9), EVENTUAL, now=_now(99)).n == 0
    with pytest.raises(InvalidInput, match="Name a night"):
        view_of(_ledger(), None, EVENTUAL, now=_now(1))


def test_every_answer_carries_where_it_comes_from():
    spoilt = _ledger(TWO.entries(), [entry("b", 3, 5, content=1)])
    for model in (EVENTUAL, STATISTICAL, CAUSAL):
        view = view_of(spoilt, night(3), model, now=_now(5), snapshot="S1")
        assert view.ledger_digest == spoilt.digest()
        assert view.clock == clock_of(spoilt)
        assert view.quarantined == (("d", "b", night(3), "0"),)
        assert view.arrived_mass == 0.75
        assert set(view.ages) == {"a", "b"}
        text = repr(view)
        assert text.startswith("View: n=5 | ")
        assert all(part in text for part in ("S1", LABELS[model], model.value))
    assert len(set(LABELS.values())) == len(ConsistencyModel)


def test_the_result_does_not_know_the_clock():
    views = [view_of(TWO, night(5), now=_now(5, hours)) for hours in (-24, 0, 6, 1e4)]
    assert len({(v.winners, v.ledger_digest, v.arrived_mass) for v in views}) == 1
    seconds = [v.ages["b"].seconds for v in views]
    assert seconds == sorted(seconds)


def test_mass_is_of_agents_only_when_every_site_declares_them():
    mixed = _ledger(whole_nights("a", (1,), agents=30), [entry("b", 1, n_rows := 1)])
    assert n_rows == 1
    sites = progress(mixed, night(1))
    assert roster_mass(sites) == ((0.5, 0.5), "rows")
    closing = [manifest("b", 2, 3, parts=(), closed=True)]
    left = progress(_ledger(mixed.entries(), closing), night(9))
    assert roster_mass(left) == ((1.0, 0.0), "agents")
    assert roster_mass(progress(_ledger(), night(1), ("x", "y"))) == (
        (0.5, 0.5), "rows",
    )  # fmt: skip


def test_a_partition_heals_when_what_is_owed_is_known_and_shrinks():
    policy = POLICIES[DataKind.SHARDS]
    whole = _ledger(*(whole_nights(s, range(1, 9)) for s in "ab"))
    rows = whole_nights("b", range(1, 9))
    owed = [[*rows[:4], manifest("b", 8, 16)], [*rows[:8], manifest("b", 8, 16)]]
    looks = [
        progress(_ledger(whole_nights("a", range(1, 9)), part), night(8))
        for part in ([*rows[:4]], *owed)
    ]
    now = _now(8)
    assert partition_state(looks[0], policy, now) is PartitionState.PARTITIONED
    assert partition_state(looks[1], policy, now, looks[0]) is (
        PartitionState.PARTITIONED
    ), "what is owed is known now, and has not become less"
    assert partition_state(looks[2], policy, now, looks[1]) is PartitionState.HEALING
    assert partition_state(looks[1], policy, now, looks[2]) is (
        PartitionState.PARTITIONED
    )
    healed = view_of(whole, night(8), policy=policy, now=now, before=looks[2])
    assert healed.state is PartitionState.CONNECTED


DOTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.integers(1, 9)))


@given(one=DOTS, two=DOTS)
def test_what_a_clock_lacks_is_known_to_the_other_only(one, two):
    mine, other = VectorClock.from_dots(one), VectorClock.from_dots(two)
    lacks = mine.lacks(other)
    assert bool(lacks) == (not mine.covers(other))
    assert all(dot in other and dot not in mine for dot in lacks)


def test_availability_is_counted_by_model_and_reason():
    counted = Availability()
    for k in (1, 2, 4, 5):
        try:
            view_of(TWO, night(k), STRONG, now=_now(5))
        except Refused as refusal:
            counted = counted.record(STRONG, refusal)
        else:
            counted = counted.record(STRONG)
    rate = counted.rate(STRONG)
    assert (rate.answered, rate.asked, rate.share) == (2, 4, 0.5)
    assert 0.0 < rate.lower < 0.5 < rate.upper < 1.0
    assert counted.refusals() == {"unavailable": 2}
    both = counted.merge(Availability().record(EVENTUAL, degraded=True))
    assert both.counts[EVENTUAL, "degraded"] == 1
    assert both.rate().answered == 3
    assert both.rate(EVENTUAL).share == 1.0
    assert both.refusals(EVENTUAL) == {}
    assert np.isnan(Availability().rate().share)


def test_windows_are_those_that_are_documented():
    assert {kind: (p.versions, p.seconds) for kind, p in POLICIES.items()} == {
        DataKind.SHARDS: (1, 129_600.0),
        DataKind.EVIDENCE: (0, 86_400.0),
        DataKind.ONLINE: (None, 60.0),
        DataKind.RELATIONS: (1, 129_600.0),
        DataKind.KNOWLEDGE: (1, 86_400.0),
    }
    for bad in ({"versions": -1}, {"seconds": -1.0}, {"min_mass": 1.1}):
        with pytest.raises(InvalidInput):
            StalenessPolicy(**bad)
