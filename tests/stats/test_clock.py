"""A clock is a set of numbers: compared, merged and read as sets are."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.clock import ClockEntry, Gap, VectorClock
from stats.summary import InvalidInput
from tests.laws import check_laws

DOTS = st.lists(
    st.tuples(st.sampled_from(["a", "bb", "é"]), st.integers(0, 1), st.integers(0, 9)),
    max_size=12,
)


def _dots(clock):
    """Naive twin: the set itself."""
    return {
        (site, epoch, seq)
        for (site, epoch), runs in clock.runs.items()
        for first, last in runs
        for seq in range(first, last + 1)
    }


def test_the_clock_keeps_the_laws_of_a_lattice():
    check_laws(
        st.tuples(DOTS, DOTS, DOTS), VectorClock.from_dots,
        lambda a, b: a + b, VectorClock.from_arrays, lattice=True,
    )  # fmt: skip


@given(one=DOTS, two=DOTS)
def test_it_compares_as_sets_do(one, two):
    a, b = VectorClock.from_dots(one), VectorClock.from_dots(two)
    x, y = set(one), set(two)
    assert (_dots(a), _dots(a.merge(b))) == (x, x | y)
    assert a.n == len(x)
    assert a.covers(b) == (y <= x)
    assert a.happens_before(b) == (x < y)
    assert a.concurrent(b) == (not (x <= y or y <= x))
    assert {
        dot for dot in itertools.product("ab", range(2), range(10)) if dot in a
    } == {dot for dot in x if dot[0] in "ab"}


@given(dots=DOTS, high=st.integers(0, 12))
def test_gaps_are_what_was_announced_and_is_not_known(dots, high):
    clock = VectorClock.from_dots(dots)
    found = {
        (gap.site, gap.epoch, seq)
        for gap in clock.gaps({("a", 0): high})
        for seq in range(gap.first, gap.last + 1)
    }
    expected = set()
    for place in {(s, e) for s, e, _ in dots} | {("a", 0)}:
        known = [seq for s, e, seq in dots if (s, e) == place]
        top = max([*known, high if place == ("a", 0) else 0])
        expected |= {(*place, seq) for seq in range(1, top) if seq not in known}
        if top and top not in known:
            expected.add((*place, top))
    assert found == expected


def test_maxima_do_not_order_what_has_gaps():
    one = VectorClock.from_dots([("a", 0, 1), ("a", 0, 3)])
    two = VectorClock.from_dots([("a", 0, 1), ("a", 0, 2)])
    assert not one.happens_before(two)
    assert not two.happens_before(one)
    assert one.concurrent(two)


def test_an_entry_has_prefix_and_dots_of_the_newest_epoch():
    clock = VectorClock.from_dots(
        [("a", 0, 5), ("a", 1, 1), ("a", 1, 2), ("a", 1, 4), ("a", 1, 7), ("b", 0, 2)]
    )
    assert clock["a"] == ClockEntry(1, 2, (4, 7))
    assert clock["b"] == ClockEntry(0, 0, (2,))
    assert repr(clock) == "VectorClock: n=6 | a: 1-2+2, b: 0-0+1"
    with pytest.raises(KeyError):
        clock["c"]
    assert ("a", 1) not in clock


def test_gaps_print_as_versions():
    assert str(Gap("a", 1, 3, 3)) == "a/1-3"
    assert str(Gap("a", 1, 3, 5, lost=True)) == "a/1-3..5 lost"
    assert len(Gap("a", 1, 3, 5)) == 3


def test_a_causal_chain_is_ordered_and_a_fork_is_not():
    chain = [VectorClock()]
    for dot in [("a", 0, 1), ("b", 0, 1), ("a", 0, 2), ("c", 0, 1)]:
        chain.append(chain[-1].merge(VectorClock.from_dots([dot])))
    for (i, one), (j, two) in itertools.product(enumerate(chain), repeat=2):
        assert one.happens_before(two) == (i < j)
        assert not one.concurrent(two)
    fork = chain[2].merge(VectorClock.from_dots([("d", 0, 1)]))
    assert fork.concurrent(chain[3])
    assert chain[2].happens_before(fork)


def test_damaged_arrays_are_refused():
    good = VectorClock.from_dots([("a", 0, 1), ("a", 0, 3)]).to_arrays()
    for name, bad in [
        ("first", good["first"] + 9),
        ("site", good["site"] - 1),
        ("site", good["site"] + 1),
        ("last", good["last"][:1]),
        ("site.labels", np.zeros(3, dtype=np.uint8)),
    ]:
        with pytest.raises(InvalidInput, match="clock"):
            VectorClock.from_arrays({**good, name: bad})
    del good["epoch"]
    with pytest.raises(InvalidInput):
        VectorClock.from_arrays(good)
