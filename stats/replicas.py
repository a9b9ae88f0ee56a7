"""What replicas of a computation sign for, and how many more have to be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from stats.summary import InvalidInput
from stats.vote import replicas_at_first, replicas_at_most, vote

__all__ = ["answer_digest", "commitment", "more_replicas", "withdrawn"]

_FORMAT = b"consilience-replica-1"


def answer_digest(state: bytes, *, partition: int, input_hash: str) -> str:
    """SHA-256 of an answer and of what it answers, hexadecimal.

    Parameters
    ----------
    state : bytes
        Canonical bytes from `stats.summary.pack`; they name class and state version.
    partition : int
        Number of the partition, >= 0.
    input_hash : str
        Says what the partition was computed from.

    Raises
    ------
    InvalidInput
        For a negative partition.

    Notes
    -----
    Every part is preceded by its length, so no two different inputs give one text.

    Examples
    --------
    >>> one = answer_digest(b"state", partition=0, input_hash="aa")
    >>> one == answer_digest(b"state", partition=1, input_hash="aa")
    False
    """
    if partition < 0:
        raise InvalidInput(f"answer_digest: partition {partition}. Count from 0.")
    text = hashlib.sha256()
    for part in (_FORMAT, str(partition).encode(), input_hash.encode(), state):
        text.update(len(part).to_bytes(8, "little"))
        text.update(part)
    return text.hexdigest()


def commitment(salt: bytes, state: bytes) -> str:
    """SHA-256 of a salt and a state, hexadecimal: only who has the state can give it.

    Parameters
    ----------
    salt : bytes
        Chosen by the collector, another one for each replica.
    state : bytes

    Notes
    -----
    A replica that repeats the digest of another one has no state, so its commitment is
    wrong, and the collector sees that once it holds the accepted state.
    Source: Blum, SIGACT News 15 (1983), commitment before revealing.
    """
    return hashlib.sha256(len(salt).to_bytes(8, "little") + salt + state).hexdigest()


def withdrawn(worker: str) -> str:
    """What stands for the answer of a replica that was caught: equal to no other."""
    return f"withdrawn:{worker}"


def more_replicas(answers: Mapping[str, str | None], f: int) -> int:
    """How many more replicas to ask; 0 once `vote` accepts.

    Parameters
    ----------
    answers : mapping of replica to digest
        None for a replica that gave nothing: another one is asked in its place.
    f : int
        Faulty replicas to withstand.

    Returns
    -------
    int
        To f + 1 answers while all are equal, to 2 f + 1 once two differ.

    Raises
    ------
    InvalidInput, NoQuorum
        As `vote`.

    Examples
    --------
    >>> [more_replicas(a, 1) for a in ({}, {"a": "1"}, {"a": "1", "b": "2"})]
    [2, 1, 1]
    """
    if vote(answers, f).status == "accepted":
        return 0
    given = [digest for digest in answers.values() if digest is not None]
    equal = len(set(given)) <= 1
    goal = replicas_at_first(f) if equal else replicas_at_most(f)
    return goal - len(given)
