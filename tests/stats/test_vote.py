"""Votes of replicas: who is named, and when nobody can be believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.byzantine import vote
from stats.summary import InvalidInput, TooManyFaults
from stats.vote import NoQuorum, replicas_at_first, replicas_at_most


@given(st.integers(0, 4), st.data())
def test_up_to_f_liars_never_win_and_are_all_named(f, data):
    """Liars may answer anything, together or alone, and may stay silent."""
    n = replicas_at_most(f)
    liars = data.draw(st.sets(st.integers(0, n - 1), max_size=f))
    lies = data.draw(
        st.lists(st.sampled_from(["x", "y", None]), min_size=n, max_size=n)
    )
    answers = {f"w{i}": lies[i] if i in liars else "honest" for i in range(n)}
    found = vote(answers, f)
    assert (found.status, found.digest) == ("accepted", "honest")
    told = {f"w{i}" for i in liars if lies[i] is not None}
    assert set(found.dissenting) == told
    assert set(found.silent) == {f"w{i}" for i in liars} - told
    assert found.n == n


def test_a_first_round_that_agrees_is_enough():
    answers = {f"w{i}": "d" for i in range(replicas_at_first(2))}
    found = vote(answers, 2)
    assert (found.status, found.agreeing) == ("accepted", ("w0", "w1", "w2"))


def test_dissent_asks_for_more():
    found = vote({"a": "1", "b": "2"}, 1)
    assert (found.status, found.digest) == ("undecided", None)
    more = vote({"a": "1", "b": "2", "c": "2"}, 1)
    assert (more.digest, more.dissenting) == ("2", ("a",))


def test_no_quorum_is_an_error_and_never_a_guess():
    with pytest.raises(NoQuorum, match=r"groups of \[1, 1, 1\]") as caught:
        vote({"a": "1", "b": "2", "c": "3"}, 1)
    assert isinstance(caught.value, TooManyFaults)
    assert caught.value.kind == "no_quorum"
    with pytest.raises(NoQuorum, match=r"groups of \[2, 2\]"):
        vote({"a": "1", "b": "1", "c": "2", "d": "2"}, 1)


def test_silence_is_not_dissent():
    found = vote({"a": None, "b": "1", "c": "1"}, 1)
    assert (found.silent, found.dissenting) == (("a",), ())
    assert vote({"a": None, "b": None, "c": None}, 1).status == "undecided"


def test_a_negative_f_is_refused():
    with pytest.raises(InvalidInput, match="f = -1"):
        vote({}, -1)


@pytest.mark.slow
def test_ten_thousand_votes_name_every_liar_and_nobody_else():
    rng = np.random.default_rng(0)
    for _ in range(10_000):
        f = int(rng.integers(1, 4))
        n = replicas_at_most(f)
        liars = set(rng.permutation(n)[: rng.integers(0, f + 1)].tolist())
        together = rng.random() < 0.5
        answers = {
            f"w{i}": ("lie" if together else f"lie {i}") if i in liars else "honest"
            for i in range(n)
        }
        found = vote(answers, f)
        assert found.digest == "honest"
        assert set(found.dissenting) == {f"w{i}" for i in liars}
