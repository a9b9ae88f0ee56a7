"""One shard version as the ledger knows it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from stats.manifest import Note, note_text, read_note
from stats.summary import InvalidInput

__all__ = ["KINDS", "LedgerEntry"]

KINDS = ("data", "manifest", "retraction", "table")
"""What a version may be; only data and tables ever count."""


@dataclass(frozen=True, slots=True, order=True)
class LedgerEntry:
    """One shard version, as announced by its site.

    Attributes
    ----------
    dataset, site, night, part : str
        The key.
    epoch, seq : int
        The version; compared in this order.  epoch in [0, 2³¹), seq in [0, 2⁵³).
    sha256 : str
        Of the canonical bytes, 64 hexadecimal digits.
    kind : {"data", "manifest", "retraction", "table"}
        A table holds evidence.
    n : int
        Rows present.
    event_end : int
        When the events of the night ended, nanoseconds UTC; 0 takes the midnight after
        its date.
    note : str
        What the header says beside this, as `stats.manifest.note_text` writes it.

    Raises
    ------
    InvalidInput
        For a version, hash, kind, count, time or note outside these ranges, or text
        with a NUL.
    """

    dataset: str
    site: str
    night: str
    part: str
    epoch: int
    seq: int
    sha256: str
    kind: str
    n: int
    event_end: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise InvalidInput(
                f"LedgerEntry {self.site}/{self.night}/{self.part}: {problem} "
                "Reject the shard at ingest."
            )

    @property
    def key(self) -> tuple[str, str, str, str]:
        """(dataset, site, night, part)."""
        return self.dataset, self.site, self.night, self.part

    @property
    def version(self) -> tuple[int, int]:
        """(epoch, seq)."""
        return self.epoch, self.seq

    @property
    def stated(self) -> Note:
        """The note, read."""
        return read_note(self.note)


def _problem(entry: LedgerEntry) -> str:
    """Return what is wrong with an entry, or nothing."""
    text = (*entry.key, entry.kind)
    if any("\0" in part for part in text):
        return "a name holds a NUL character."
    if not (0 <= entry.epoch < 2**31 and 0 <= entry.seq < 2**53):
        return f"version ({entry.epoch}, {entry.seq}) is outside [0, 2^31) x [0, 2^53)."
    digits = set(entry.sha256) <= set("0123456789abcdef")
    if len(entry.sha256) != 64 or not digits:
        return f"sha256 {entry.sha256!r} is not 64 lower-case hexadecimal digits."
    if entry.kind not in KINDS:
        return f"kind {entry.kind!r} is not one of {', '.join(KINDS)}."
    return _header_problem(entry)


def _header_problem(entry: LedgerEntry) -> str:
    if not 0 <= entry.n < 2**62:
        return f"n {entry.n} is not a count."
    if not 0 <= entry.event_end < 2**63:
        return f"event_end {entry.event_end} is not a time."
    if not _canonical(entry.note):
        return f"note {entry.note[:40]!r} is not written as `note_text` writes it."
    return ""


@functools.lru_cache(maxsize=4096)
def _canonical(note: str) -> bool:
    """Equal notes are equal texts: else one version would seem to have two contents."""
    said = read_note(note)
    deps = [f"{site}/{epoch}-{seq}" for site, epoch, seq in said.deps]
    return note == note_text(said.manifest, deps)
