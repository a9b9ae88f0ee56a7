"""Agreement of replicas by the bytes of what they computed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from stats.summary import InvalidInput, TooManyFaults

__all__ = ["NoQuorum", "Verdict", "replicas_at_first", "replicas_at_most", "vote"]


class NoQuorum(TooManyFaults):
    """No answer was given by f + 1 replicas: more than f of them are faulty."""

    kind: ClassVar[str] = "no_quorum"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What replicas of one computation agree on.

    Attributes
    ----------
    n : int
        Replicas that answered or failed to.
    status : {"accepted", "undecided"}
        Accepted: f + 1 replicas gave the same digest, so an honest one did.
        Undecided: more replicas must be asked.
    digest : str or None
    agreeing, dissenting : tuple of str
        Replicas with and without the accepted digest, sorted; a dissenter is faulty,
        lies, or runs other code.
    silent : tuple of str
        Replicas that gave nothing: late or dead, which proves nothing.
    f : int
    """

    n: int
    status: Literal["accepted", "undecided"]
    digest: str | None
    agreeing: tuple[str, ...]
    dissenting: tuple[str, ...]
    silent: tuple[str, ...]
    f: int


def replicas_at_first(f: int) -> int:
    """Replicas to ask first, f + 1: when all agree, one of them is honest."""
    return f + 1


def replicas_at_most(f: int) -> int:
    """Replicas after which a collector that is trusted must know, 2 f + 1."""
    return 2 * f + 1


def vote(answers: Mapping[str, str | None], f: int) -> Verdict:
    """Compare the digests of replicas of the same computation.

    Parameters
    ----------
    answers : mapping of replica to digest
        None for a replica that gave nothing.
    f : int
        Faulty replicas to withstand.

    Returns
    -------
    Verdict

    Raises
    ------
    InvalidInput
        For f < 0.
    NoQuorum
        When 2 f + 1 answers hold no f + 1 equal ones, or two digests have f + 1 each.

    Notes
    -----
    The collector and the channel to each replica are trusted; what the replicas
    computed from is not protected.  Asking f + 1 first and more on dissent costs f + 1
    when nobody lies.  Source: Gupta, Vaidya, SPAA (2019), reactive redundancy.

    Examples
    --------
    >>> vote({"a": "1f", "b": "1f", "c": "00"}, f=1).dissenting
    ('c',)
    """
    if f < 0:
        raise InvalidInput(f"vote: f = {f}. Give how many faults to withstand, >= 0.")
    given: dict[str, list[str]] = defaultdict(list)
    for replica, digest in sorted(answers.items()):
        if digest is not None:
            given[digest].append(replica)
    silent = tuple(sorted(r for r, digest in answers.items() if digest is None))
    accepted = [digest for digest, who in given.items() if len(who) >= f + 1]
    answered = len(answers) - len(silent)
    if len(accepted) > 1 or (not accepted and answered >= replicas_at_most(f)):
        counts = sorted((len(who) for who in given.values()), reverse=True)
        raise NoQuorum(
            f"vote: {answered} answers in groups of {counts}, expected one group of "
            f"{f + 1} or more and no second one. More than {f} replicas are faulty: "
            "raise f, or compare their environments."
        )
    if not accepted:
        return Verdict(len(answers), "undecided", None, (), (), silent, f)
    winner = accepted[0]
    dissenting = sorted(r for d, who in given.items() if d != winner for r in who)
    return Verdict(
        len(answers), "accepted", winner, tuple(given[winner]),
        tuple(dissenting), silent, f,
    )  # fmt: skip
