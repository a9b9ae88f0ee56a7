"""STRONG waits for the word of sites that give it, and only of these."""

import pytest

from stats.contracts import view_of
from stats.ledger import ShardLedger
from stats.nights import night_end
from stats.progress import progress
from stats.proven import proven_until
from stats.refusals import Unavailable
from stats.staleness import ConsistencyModel
from tests.ledgers import entry, manifest, night, whole_nights


def marks(*entries, k=9):
    """Watermark and proven night of each site, looked at on the k-th night."""
    ledger = ShardLedger.from_entries(entries)
    sites = progress(ledger, night(k))
    proven = proven_until(ledger, sites)
    return {one.site: (one.watermark, proven[one.site]) for one in sites}


def test_a_declared_night_is_proven_and_a_guessed_one_is_not():
    declared = whole_nights("a", (1, 2, 3))
    guessed = entry("a", 4, 7, content=200)
    assert marks(*declared, guessed) == {"a": (night(4), night(3))}
    late = manifest("a", 4, 8)
    assert marks(*declared, guessed, late) == {"a": (night(4), night(4))}


def test_a_site_that_declares_nothing_is_taken_at_its_watermark():
    rows = [entry("a", k, k, content=k) for k in (1, 2, 3)]
    assert marks(*rows) == {"a": (night(3), night(3))}
    assert proven_until(ShardLedger.from_entries(), ()) == {}


def test_nights_before_the_first_declared_one_count_unless_a_number_is_missing():
    before = [entry("a", 1, 1), entry("a", 2, 2, content=2)]
    after = [entry("a", 3, 3, content=3), manifest("a", 3, 4)]
    assert marks(*before, *after) == {"a": (night(3), night(3))}
    hole = [entry("a", 3, 4, content=3), manifest("a", 3, 5)]
    assert marks(*before, *hole) == {"a": (night(3), None)}


def test_a_contradicted_manifest_declares_nothing():
    rows = whole_nights("a", (1, 2))
    other = manifest("a", 2, 4, content=77)
    assert marks(*rows, other)["a"][1] == night(1)


def test_strong_never_answers_with_a_guess():
    """A part that came before its manifest was taken for the whole night."""
    rows = [*whole_nights("a", (1, 2)), entry("a", 3, 5, content=5)]
    ledger = ShardLedger.from_entries(rows)
    given = {"now": night_end(night(4))}
    view = view_of(ledger, None, ConsistencyModel.STRONG, **given)
    assert (view.night, view.watermark) == (night(2), night(2))
    with pytest.raises(Unavailable) as refused:
        view_of(ledger, night(3), ConsistencyModel.STRONG, **given)
    assert (refused.value.newest, refused.value.missing) == (night(2), ("a",))
    two = [manifest("a", 3, 7, parts=("0", "1")), entry("a", 3, 6, 6, part="1")]
    whole = ledger.merge(ShardLedger.from_entries(two))
    assert view_of(whole, None, ConsistencyModel.STRONG, **given).night == night(3)
