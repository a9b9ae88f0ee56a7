"""What sites issue in a simulated network: shards, corrections, lies, rebuilds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stats.ledger_entry import LedgerEntry
from stats.manifest import MANIFEST, Manifest, note_text
from stats.nights import DAY, night_end
from stats.summary import InvalidInput

__all__ = ["HOUR", "Message", "VersionParams", "issue_versions"]

HOUR = 3_600_000_000_000
"""Nanoseconds."""
_FIRST = np.datetime64("2026-03-01")


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A version on its way.

    Attributes
    ----------
    entry : LedgerEntry
    values : float64 array, shape (n, d)
        NaN is missing; without rows for what is no data.
    at : int
        When its site issued it, nanoseconds UTC.
    """

    entry: LedgerEntry
    values: NDArray[np.float64]
    at: int


@dataclass(frozen=True, slots=True)
class VersionParams:
    """How much sites issue, and how often what is unusual happens.

    Attributes
    ----------
    sites, nights, parts, features : int
        Parts a night at most.
    rows : int
        Of a part, at most.
    correct, retract, equivocate : float
        Per part: probability that a later version follows, that it takes the part back,
        and that another content claims a version.
    rebuild, skip, depend : float
        Per night: a new epoch; per part: a number that is never used, and a version of
        another site that it was computed from.

    Raises
    ------
    InvalidInput
        For a count below 1, or a probability outside [0, 1].
    """

    sites: int = 3
    nights: int = 4
    parts: int = 2
    features: int = 2
    rows: int = 4
    correct: float = 0.35
    retract: float = 0.15
    equivocate: float = 0.12
    rebuild: float = 0.12
    skip: float = 0.1
    depend: float = 0.2

    def __post_init__(self) -> None:
        counts = (self.sites, self.nights, self.parts, self.features, self.rows)
        chances = (
            self.correct, self.retract, self.equivocate, self.rebuild, self.skip,
            self.depend,
        )  # fmt: skip
        if min(counts) < 1 or not all(0.0 <= p <= 1.0 for p in chances):
            raise InvalidInput(
                f"VersionParams: counts {counts}, probabilities {chances}. Give counts "
                "of 1 or more, and probabilities in [0, 1]."
            )


def issue_versions(
    params: VersionParams, rng: np.random.Generator
) -> tuple[Message, ...]:
    """Draw everything that sites issue, in the order in which they issue it.

    Parameters
    ----------
    params : VersionParams
    rng : numpy.random.Generator

    Returns
    -------
    tuple of Message
        Values spread over twelve orders of magnitude, some missing, some parts empty.
        Some versions have two contents.

    Examples
    --------
    >>> found = issue_versions(VersionParams(), np.random.default_rng(0))
    >>> {one.entry.kind for one in found} <= {"data", "manifest", "retraction"}
    True
    """
    found: list[Message] = []
    for site in range(params.sites):
        found.extend(_of_site(f"s{site}", params, rng))
    found.sort(key=lambda one: (one.at, one.entry))
    return tuple(_with_dependencies(found, params, rng))


def _of_site(
    site: str, params: VersionParams, rng: np.random.Generator
) -> Iterator[Message]:
    """Nights with their manifests; what corrects them is issued later, so numbered."""
    epoch, seq, ended = 0, 0, None
    pending: list[tuple[int, str, str]] = []
    for k in range(params.nights + 2):
        night = str(_FIRST + k)
        at = night_end(night) + int(rng.integers(1, 6 * HOUR))
        if rng.random() < params.rebuild:
            epoch, seq, ended = epoch + 1, 0, seq
        for due in [one for one in pending if one[0] <= k]:
            pending.remove(due)
            seq += 1
            yield _version(site, due[1], due[2], epoch, seq, at, params, rng)
        if k >= params.nights:
            continue
        void, parts = [], []
        for part in range(int(rng.integers(1, params.parts + 1))):
            seq += 1
            if rng.random() < params.skip:
                void.append(seq)
                seq += 1
            parts.append(str(part))
            first = _version(
                site, night, str(part), epoch, seq, at, params, rng, new=True
            )
            yield first
            if rng.random() < params.equivocate:
                yield _contradiction(first, params, rng)
            if rng.random() < params.correct:
                pending.append((k + int(rng.integers(0, 3)), night, str(part)))
        seq += 1
        said = Manifest(tuple(parts), 10, seq, tuple(void), previous_end=ended)
        yield _message(
            site, night, MANIFEST, epoch, seq, "manifest", _no_rows(params),
            at + int(rng.integers(0, HOUR)), note_text(said),
        )  # fmt: skip
        ended = None


def _version(
    site: str,
    night: str,
    part: str,
    epoch: int,
    seq: int,
    at: int,
    params: VersionParams,
    rng: np.random.Generator,
    *,
    new: bool = False,
) -> Message:
    gone = not new and rng.random() < params.retract
    values = _no_rows(params) if gone else _values(params, rng)
    kind = "retraction" if gone else "data"
    return _message(site, night, part, epoch, seq, kind, values, at)


def _contradiction(
    first: Message, params: VersionParams, rng: np.random.Generator
) -> Message:
    one = first.entry
    return _message(
        one.site, one.night, one.part, one.epoch, one.seq, "data",
        _values(params, rng), first.at + int(rng.integers(0, DAY)),
    )  # fmt: skip


def _message(
    site: str,
    night: str,
    part: str,
    epoch: int,
    seq: int,
    kind: str,
    values: NDArray[np.float64],
    at: int,
    note: str = "",
) -> Message:
    content = hashlib.sha256(values.tobytes() + f"{kind}{epoch}{seq}".encode())
    entry = LedgerEntry(
        "d", site, night, part, epoch, seq, content.hexdigest(), kind, len(values),
        note=note,
    )  # fmt: skip
    return Message(entry, values, at)


def _values(params: VersionParams, rng: np.random.Generator) -> NDArray[np.float64]:
    shape = int(rng.integers(0, params.rows + 1)), params.features
    scale = 10.0 ** rng.integers(-6, 7, size=shape)
    values: NDArray[np.float64] = rng.normal(size=shape) * scale
    values[rng.random(shape) < 0.1] = np.nan
    return values


def _no_rows(params: VersionParams) -> NDArray[np.float64]:
    return np.empty((0, params.features))


def _with_dependencies(
    messages: list[Message], params: VersionParams, rng: np.random.Generator
) -> Iterator[Message]:
    """Some data were computed from a version that another site had issued before."""
    for i, message in enumerate(messages):
        entry = message.entry
        others = [one.entry for one in messages[:i] if one.entry.site != entry.site]
        if entry.kind == "data" and others and rng.random() < params.depend:
            used = others[int(rng.integers(len(others)))]
            note = note_text(deps=[f"{used.site}/{used.epoch}-{used.seq}"])
            yield replace(message, entry=replace(entry, note=note))
        else:
            yield message
