"""What an investigation collects, against obvious ways to get the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats as distributions

from storage.store import BehaviorStore
from tasks.history.build import investigate_store
from tasks.history.record import History, HistoryNight
from tasks.reconcile import night_end, reconcile
from tasks.scoring import fit_agents, score_night
from tasks.summaries import merge_parts, reduce_shards
from tests.histories import (
    ABSENT_NIGHT,
    CHUNK,
    CORRECTED,
    CORRECTED_NIGHT,
    DAYS,
    ODD,
    ODD_NIGHT,
    ROVER,
    SILENT_NIGHT,
    WITHOUT_VOLUME,
    rows,
)
from tests.homes import LAST, MISSING_SITE, SITES

SINCE = DAYS[14]


@pytest.fixture(scope="module")
def history_store(history_home: Path) -> BehaviorStore:
    return BehaviorStore.open(str(history_home / "store"))


@pytest.fixture(scope="module")
def odd(history_store: BehaviorStore) -> History:
    return investigate_store(history_store, ODD)


def at(history: History, night: str, place: int = 0) -> HistoryNight:
    return next(n for n in history.places[place].nights if n.night == night)


def test_the_default_range_leaves_fourteen_nights_before_it(odd: History) -> None:
    assert (odd.since, odd.until, odd.kind) == (SINCE, LAST, "agent")
    (place,) = odd.places
    assert [n.night for n in place.nights] == DAYS[14:]
    assert (place.site, place.team, place.agent) == ("north", "team-3", ODD)
    assert place.reference.nights == tuple(DAYS[:7])
    assert place.reference.null_nights == tuple(DAYS[7:14])


def test_a_planted_agent_stands_out_on_its_night_and_on_no_other(odd: History) -> None:
    assert [n.night for n in odd.places[0].marked] == [ODD_NIGHT]
    night = at(odd, ODD_NIGHT)
    shares = [f.share for f in night.features]
    assert np.argmax(shares) == 0
    assert sum(shares) == pytest.approx(1.0)
    assert night.features[0].steps > 6
    assert night.extrapolated
    assert night.p == 1 / (1 + odd.places[0].reference.null_size)


def test_means_and_intervals_are_those_of_the_delivered_rows(odd: History) -> None:
    found = rows("north", ODD_NIGHT)
    own = found[found["agent"] == ODD]
    team = found[found["team"] == "team-3"]
    for j, name in enumerate(("latency", "errors", "volume")):
        values = own[name].dropna().to_numpy()
        feature = at(odd, ODD_NIGHT).features[j]
        assert feature.around == pytest.approx(team[name].mean(), rel=1e-12)
        assert feature.n == len(values) > 0
        if len(values) == 1:
            assert (feature.lower, feature.upper) == (None, None)
            continue
        half = distributions.t.ppf(0.975, len(values) - 1) * values.std(ddof=1)
        half /= np.sqrt(len(values))
        assert feature.mean == pytest.approx(values.mean(), rel=1e-12)
        assert feature.lower == pytest.approx(values.mean() - half, rel=1e-9)
        assert feature.upper == pytest.approx(values.mean() + half, rel=1e-9)


def test_distance_and_tail_are_those_of_the_nightly_run(
    history_store: BehaviorStore, odd: History
) -> None:
    """On the first night of the range both use the same nights."""
    view = reconcile(history_store, SINCE, nights=14, as_of=night_end(SINCE))
    shards = [row for rows in view.winners.values() for row in rows]
    records = merge_parts(view, reduce_shards(history_store, shards).records)
    reference = fit_agents(history_store, view, records)
    assert reference is not None
    scores = score_night(history_store, view, records, reference).scores
    (k,) = np.flatnonzero(scores.agents == ODD)
    night = at(odd, SINCE)
    assert (night.distance, night.log_p) == (scores.d2[k], scores.log_p[k])
    shares = [f.share for f in night.features]
    assert shares == scores.contributions[k].tolist()


def test_the_own_baseline_holds_the_nights_before_the_range(odd: History) -> None:
    nightly = [
        found[found["agent"] == ODD]["latency"]
        for night in DAYS[:14]
        for found in [rows("north", night)]
    ]
    means = np.array([values.mean() for values in nightly if len(values)])
    own = odd.places[0].baseline[0]
    assert (own.nights, own.n) == (len(means), sum(map(len, nightly)))
    every = np.concatenate([values.to_numpy() for values in nightly])
    assert own.mean == pytest.approx(every.mean(), rel=1e-12)
    assert own.sd == pytest.approx(means.std(ddof=1), rel=1e-12)
    low, high = np.quantile(means, [0.025, 0.975])
    assert (own.usual_lower, own.usual_upper) == pytest.approx((low, high))
    assert own.lower < own.mean < own.upper


def test_missing_nights_are_told_apart(
    odd: History, history_store: BehaviorStore
) -> None:
    assert at(odd, ABSENT_NIGHT).state == "absent"
    absent = at(odd, ABSENT_NIGHT).features[0]
    assert (absent.n, absent.mean) == (0, None)
    assert absent.around == pytest.approx(500, abs=20)
    without = at(odd, WITHOUT_VOLUME)
    assert (without.state, without.features[2].n) == ("present", 0)
    assert without.features[2].mean is None
    assert without.p is not None
    south = investigate_store(history_store, "south-003")
    states = {n.night: n.state for n in south.places[0].nights}
    assert states[SILENT_NIGHT] == states[LAST] == "silent"
    assert set(states.values()) <= {"present", "absent", "silent"}


def test_values_are_read_only_from_chunks_that_can_hold_the_agent(
    history_store: BehaviorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[str, int, int]] = []
    plain = BehaviorStore.read_block

    def counted(self, row, block):
        read.append((row.key.night, block.start, block.stop))
        return plain(self, row, block)

    monkeypatch.setattr(BehaviorStore, "read_block", counted)
    monkeypatch.setattr(BehaviorStore, "read", lambda *_: pytest.fail("whole shard"))
    found = investigate_store(history_store, ODD)
    # north-007 is the 2nd of team-3, which begins at row 60: chunk 3 of 5.
    assert {(start, stop) for _, start, stop in read} == {(3 * CHUNK, 4 * CHUNK)}
    held = {n for n in DAYS if ODD in set(rows("north", n)["agent"])}
    assert sorted(n for n, _, _ in read) == sorted(held | set(DAYS[7:14]))
    assert found.provenance["chunks_read"] == len(read)
    shards = len(SITES) * len(DAYS) - 2
    assert found.provenance["chunks_in_all"] == 5 * shards


def test_an_entity_is_shown_at_all_its_places(history_store: BehaviorStore) -> None:
    found = investigate_store(history_store, ROVER)
    places = {(p.site, p.team, p.agent) for p in found.places}
    assert places == {
        ("north", "team-0", "north-000"), ("west", "team-0", "west-000"),
    }  # fmt: skip
    assert {p.entity for p in found.places} == {ROVER}
    alone = investigate_store(history_store, "west-000")
    assert [p.site for p in alone.places] == ["west"]
    (same,) = [p for p in found.places if p.site == "west"]
    assert same == alone.places[0]


def test_a_correction_says_whose_values_it_moved(history_store: BehaviorStore) -> None:
    touched = at(investigate_store(history_store, CORRECTED), CORRECTED_NIGHT)
    (change,) = touched.corrections
    assert (change.what, change.moved) == ("corrected", True)
    assert (change.version_before, change.version_now) == ("0-1", "0-2")
    assert touched.features[0].mean - change.lead_before == pytest.approx(30.0)
    beside = at(investigate_store(history_store, "west-011"), CORRECTED_NIGHT)
    assert [c.moved for c in beside.corrections] == [False]


def test_a_published_night_says_what_it_found(
    odd: History, history_store: BehaviorStore
) -> None:
    assert odd.published_nights == (LAST,)
    said = at(odd, LAST).published
    assert said is not None
    assert (said.revision, said.found) == (1, False)
    assert 0 < said.p <= said.q <= 1
    team = investigate_store(history_store, "north/team-3")
    assert len(team.members) == 10
    assert {m.tested for m in team.members} == {1}
    lowest = [m.lowest_p for m in team.members]
    assert lowest == sorted(lowest)


def test_a_team_and_a_site_are_compared_with_their_own_nights(
    history_store: BehaviorStore,
) -> None:
    for name, kind in (("north/team-3", "team"), ("north", "site")):
        found = investigate_store(history_store, name)
        assert (found.kind, found.name) == (kind, name)
        (place,) = found.places
        night = next(n for n in place.nights if n.night == ODD_NIGHT)
        delivered = rows("north", ODD_NIGHT)
        if kind == "team":
            delivered = delivered[delivered["team"] == "team-3"]
        assert (night.n, night.agents) == (
            int(delivered[["latency", "errors", "volume"]].notna().sum().max()),
            delivered["agent"].nunique(),
        )
        feature = night.features[0]
        assert feature.mean == pytest.approx(delivered["latency"].mean(), rel=1e-12)
        assert feature.lower < feature.mean < feature.upper
        assert all(n.p is not None for n in place.present)
    assert found.members[0].name.startswith("north/team-")
    silent = investigate_store(history_store, MISSING_SITE).places[0].nights
    assert [n.night for n in silent if n.state == "silent"] == [SILENT_NIGHT, LAST]


def test_few_nights_before_the_range_are_said_not_tested(
    history_store: BehaviorStore,
) -> None:
    for name in (ODD, "north"):
        found = investigate_store(history_store, name, since=DAYS[3])
        (place,) = found.places
        assert place.reference.why_not.endswith("needed, there are 3")
        assert [n.p for n in place.nights] == [None] * 21
        assert place.baseline[0].usual_lower is None


def test_nothing_is_written_to_the_store(history_store: BehaviorStore) -> None:
    before = BehaviorStore.open(history_store.url).snapshot
    investigate_store(history_store, "north")
    assert BehaviorStore.open(history_store.url).snapshot == before
