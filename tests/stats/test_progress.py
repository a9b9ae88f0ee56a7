"""Watermarks, gaps and staleness, case by case and against a naive reading."""

import math

import numpy as np
import pytest

from stats.announced import clock_of, gaps_of, missing_dependencies
from stats.clock import VectorClock
from stats.ledger import LedgerEntry, ShardLedger
from stats.nights import DAY, night_before, night_end, nights_between
from stats.progress import Staleness, minimum_watermark, progress, watermark
from stats.summary import Incompatible, InvalidInput
from tests.ledgers import entry, manifest, night, whole_nights


def _site(entries, k, site="a", roster=()):
    found = progress(ShardLedger.from_entries(entries), night(k), roster)
    return next(one for one in found if one.site == site)


def test_a_night_is_complete_when_every_declared_part_counts():
    rows = whole_nights()
    assert _site(rows, 3).watermark == night(3)
    assert _site(rows, 3).declared
    assert _site(rows, 2).watermark == night(2)
    two = [*rows, entry(k=4, seq=7), manifest(k=4, seq=9, parts=("0", "1"))]
    assert _site(two, 4).watermark == night(3)
    assert _site(two, 4).missing == (night(4),)
    undeclared = [*two, entry(k=4, seq=8, part="7")]
    assert _site(undeclared, 4).watermark == night(3)
    here = [*two, entry(k=4, seq=8, part="1")]
    assert (_site(here, 4).watermark, _site(here, 4).arrived) == (night(4), True)


def test_a_retraction_settles_a_part_and_a_contradiction_does_not():
    rows = whole_nights()
    gone = [*rows, entry(k=3, seq=7, kind="retraction")]
    assert _site(gone, 3).watermark == night(3)
    spoilt = [*rows, entry(k=3, seq=5, content=7)]
    assert _site(spoilt, 3).watermark == night(2)
    healed = [*spoilt, entry(k=3, seq=7, content=8)]
    assert _site(healed, 3).watermark == night(3)
    doubtful = [*rows, manifest(k=3, seq=6, content=8, parts=())]
    assert _site(doubtful, 3).watermark == night(2)


def test_a_night_without_data_is_complete_when_a_manifest_says_so():
    rows = [*whole_nights(), manifest(k=4, seq=7, parts=())]
    assert _site(rows, 4).watermark == night(4)
    assert _site(whole_nights(), 4).watermark == night(3)


def test_without_manifests_the_parts_of_the_night_before_are_expected():
    rows = [entry(k=1, seq=1), entry(k=1, seq=2, part="1"), entry(k=2, seq=3)]
    found = _site(rows, 2)
    assert (found.watermark, found.declared) == (night(1), False)
    rows.append(entry(k=2, seq=4, part="1"))
    assert _site(rows, 2).watermark == night(2)
    after = [*whole_nights(), entry(k=4, seq=7, part="9")]
    assert _site(after, 4).watermark == night(3), "the last manifest says part 0"
    assert not _site([*after, entry(k=4, seq=8)], 4).declared


def test_a_site_leaves_by_closing_and_never_by_being_silent():
    rows = whole_nights()
    silent = _site(rows, 30)
    assert (silent.closed, silent.watermark, len(silent.missing)) == (
        False, night(3), 27,
    )  # fmt: skip
    closing = [*rows, manifest(k=4, seq=7, parts=(), closed=True)]
    assert not _site(closing, 4).closed
    closed = _site(closing, 30)
    assert (closed.closed, closed.missing, closed.watermark) == (True, (), night(4))
    sites = progress(
        ShardLedger.from_entries([*closing, *whole_nights("b", range(1, 9))]), night(8)
    )
    assert minimum_watermark(sites) == night(8)
    again = [*closing, manifest(k=9, seq=8)]
    assert not _site(again, 10).closed


def test_gaps_show_even_a_lost_manifest():
    rows = whole_nights("a", range(1, 6))
    lost = [one for one in rows if one.night != night(3)]
    (gap,) = gaps_of(ShardLedger.from_entries(lost))
    assert str(gap) == "a/0-5..6"
    assert _site(lost, 5).missing == (night(3),)
    correction = [*whole_nights("a", (1, 2)), entry(k=3, seq=6), manifest(k=3, seq=7)]
    assert [str(g) for g in gaps_of(ShardLedger.from_entries(correction))] == ["a/0-5"]
    assert _site(correction, 3).missing == (night(3),)
    assert _site(correction, 3).watermark == night(3), "one hole is no stop for ever"
    void = [*correction, manifest(k=4, seq=8, parts=(), void=(5,))]
    ledger = ShardLedger.from_entries(void)
    assert gaps_of(ledger) == ()
    assert clock_of(ledger)["a"].prefix == 8
    assert _site(void, 4).missing == ()


def test_what_a_manifest_announces_is_a_gap_until_it_comes():
    rows = [*whole_nights(), manifest(k=4, seq=7, parts=(), seq_high=9)]
    (gap,) = gaps_of(ShardLedger.from_entries(rows))
    assert (gap.first, gap.last) == (8, 9)
    assert _site(rows, 4).missing == (night(4),)
    assert _site(rows, 3).missing == ()


def test_an_epoch_closes_the_one_before():
    rows = [one for one in whole_nights() if one.seq != 3]
    rebuilt = [*rows, entry(k=4, seq=1, epoch=1)]
    assert [g.lost for g in gaps_of(ShardLedger.from_entries(rebuilt))] == [False]
    said = [*rebuilt, manifest(k=4, seq=2, epoch=1, previous_end=8)]
    gaps = gaps_of(ShardLedger.from_entries(said))
    assert [str(gap) for gap in gaps] == ["a/0-3 lost", "a/0-7..8 lost"]
    assert clock_of(ShardLedger.from_entries(said))["a"].epoch == 1
    first = [*said, manifest(k=5, seq=9, epoch=1, previous_end=99)]
    assert max(g.last for g in gaps_of(ShardLedger.from_entries(first)) if g.lost) == 8


def test_a_contradicted_manifest_still_announces_and_the_clock_never_goes_back():
    one = manifest(seq=2, seq_high=5, void=(1,))
    two = manifest(seq=2, content=8, seq_high=7, void=(4,), previous_end=3)
    for order in ([one, two], [two, one]):
        ledger, last = ShardLedger.from_entries(), VectorClock()
        for arrival in order:
            ledger = ledger.merge(ShardLedger.from_entries([arrival]))
            assert clock_of(ledger).covers(last)
            last = clock_of(ledger)
        assert [str(g) for g in gaps_of(ledger)] == ["a/0-3", "a/0-5..7"]


@pytest.mark.parametrize("seed", range(5))
def test_clock_and_gaps_equal_sets_of_numbers(seed):
    rng = np.random.default_rng(seed)
    rows = [
        entry("abc"[rng.integers(3)], 1, int(rng.integers(1, 30)), i, epoch=i % 2)
        for i in range(25)
    ]
    ledger = ShardLedger.from_entries(rows)
    dots = {(r.site, r.epoch, r.seq) for r in rows}
    assert clock_of(ledger) == VectorClock.from_dots(dots)
    merged = [ShardLedger.from_entries(rows[i::3]) for i in range(3)]
    clocks = [clock_of(part) for part in merged]
    assert clocks[0].merge(clocks[1]).merge(clocks[2]) == clock_of(ledger)
    assert sum(len(gap) for gap in gaps_of(ledger)) == sum(
        max(s for a, e, s in dots if (a, e) == place)
        - len({s for a, e, s in dots if (a, e) == place})
        for place in {(a, e) for a, e, _ in dots}
    )


def test_age_counts_from_the_end_of_the_last_complete_night():
    rows = whole_nights("a", range(1, 6))
    now = night_end(night(6)) + 6 * 3_600_000_000_000
    late = _site(rows, 6).staleness(now)
    assert late == Staleness(1, 30 * 3600.0, is_lower_bound=True)
    assert late.within(1, 129_600)
    assert not late.within(0, 129_600)
    assert not late.within(1, 3600 * 29)
    assert late.within(None, 129_600)
    here = _site(rows, 5).staleness(night_end(night(5)))
    assert here == Staleness(0, 0.0, is_lower_bound=False)
    assert _site([], 3, roster=("a",)).staleness(now).seconds == math.inf
    early = entry(k=6, seq=11, event_end=night_end(night(6)) - 3_600_000_000_000)
    ended = _site([*rows, early, manifest(k=6, seq=12, content=3)], 6)
    assert ended.staleness(now).seconds == 6 * 3600.0, "the manifest ends at midnight"
    assert _site([early], 6).staleness(now).seconds == 7 * 3600.0


def test_one_dead_site_stalls_the_minimum_and_not_the_share():
    rows = [*whole_nights("a", range(1, 9)), *whole_nights("b", range(1, 9))]
    rows += whole_nights("c", range(1, 3))
    sites = progress(ShardLedger.from_entries(rows), night(8))
    assert minimum_watermark(sites) == night(2)
    assert watermark(sites, (0.5, 0.46, 0.04)) == night(8)
    assert watermark(sites, (0.5, 0.44, 0.06)) == night(2)
    assert watermark(sites[:2], (0.5, 0.5), 1.0) == night(8)
    unknown = progress(ShardLedger.from_entries(rows), night(8), ("z",))
    assert minimum_watermark(unknown) is None
    assert watermark([], ()) is None


def test_missing_dependencies_are_those_of_what_counts():
    rows = [entry(seq=1, note='{"deps":["b/0-1","b/0-2"]}'), entry("b", 1, 1)]
    ledger = ShardLedger.from_entries(rows)
    assert missing_dependencies(ledger, night(1)) == (("b", 0, 2),)
    assert missing_dependencies(ledger, "2020-01-01") == ()
    fixed = [*rows, entry(seq=2, content=4)]
    assert missing_dependencies(ShardLedger.from_entries(fixed), night(1)) == ()


def test_each_dataset_numbers_for_itself():
    other = LedgerEntry("e", "a", night(1), "0", 0, 1, "0" * 64, "table", 1)
    with pytest.raises(Incompatible, match="2 datasets"):
        clock_of(ShardLedger.from_entries([entry(), other]))


def test_nights_are_dates():
    assert nights_between("2026-02-27", "2026-03-01") == (
        "2026-02-27", "2026-02-28", "2026-03-01",
    )  # fmt: skip
    assert nights_between("2026-03-02", "2026-03-01") == ()
    assert night_before(night_end("2026-03-01") + DAY - 1) == "2026-03-01"
    for bad in ("2026-3-1", "2026-02-30", "", "2026-03-01T00", "NaT"):
        with pytest.raises(InvalidInput, match="YYYY"):
            night_end(bad)
