"""What replicas sign for, and how many more of them have to be asked."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from stats.replicas import answer_digest, commitment, more_replicas, withdrawn
from stats.summary import InvalidInput
from stats.vote import NoQuorum


def test_the_digest_is_that_of_its_parts_with_their_lengths():
    parts = (b"consilience-replica-1", b"12", b"ab", b"state")
    text = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    found = answer_digest(b"state", partition=12, input_hash="ab")
    assert found == hashlib.sha256(text).hexdigest()


def test_no_two_answers_share_a_digest():
    states, partitions, hashes = (b"", b"1", b"11"), (1, 11, 111), ("", "1", "11")
    found = {
        answer_digest(state, partition=partition, input_hash=text)
        for state, partition, text in itertools.product(states, partitions, hashes)
    }
    assert len(found) == 27


def test_a_commitment_depends_on_salt_and_state():
    salts, states = (b"", b"a", b"ab"), (b"", b"b", b"ab")
    pairs = list(itertools.product(salts, states))
    assert len({commitment(salt, state) for salt, state in pairs}) == 9
    assert commitment(b"a", b"b") == commitment(b"a", b"b")


def test_a_negative_partition_is_refused():
    with pytest.raises(InvalidInput, match="partition -1"):
        answer_digest(b"", partition=-1, input_hash="")


@pytest.mark.parametrize(
    ("answers", "f", "more"),
    [
        ({}, 0, 1),
        ({"a": "1"}, 0, 0),
        ({}, 2, 3),
        ({"a": "1", "b": "1", "c": "1"}, 2, 0),
        ({"a": "1", "b": "1", "c": None}, 2, 1),
        ({"a": None, "b": None, "c": None}, 2, 3),
        ({"a": "1", "b": "1", "c": "2"}, 2, 2),
        ({"a": "1", "b": "1", "c": "2", "d": None}, 2, 2),
        ({"a": "1", "b": "1", "c": withdrawn("c"), "d": "1"}, 2, 0),
        ({"a": withdrawn("a"), "b": withdrawn("b")}, 1, 1),
    ],
)
def test_how_many_more_to_ask(answers, f, more):
    assert more_replicas(answers, f) == more


def test_2_f_plus_1_answers_without_f_plus_1_equal_ones_are_no_quorum():
    with pytest.raises(NoQuorum):
        more_replicas({"a": "1", "b": "2", "c": "3"}, 1)
