"""Which evidence counts for a night, from whom, and what is left out and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from stats.ledger import LedgerEntry, ShardLedger
from stats.summary import NotEnoughData
from storage.authenticity import Authenticity
from storage.evidence import evidence_rows, evidence_statements
from storage.evidence_once import CountedRows, count_once
from storage.key_registry import KeyRegistry
from storage.key_store import read_keys
from storage.records import ShardKey, ShardRow, Version
from storage.store import BehaviorStore
from tasks.reconcile import ledger_of, window

__all__ = ["EvidenceWindow", "LeftOut", "evidence_window"]


_PROOFS = ("two contents", "one number twice")


@dataclass(frozen=True, slots=True, order=True)
class LeftOut:
    """Evidence that does not count.

    Attributes
    ----------
    source : str
    reason : str
        ``two contents``, ``one number twice``, ``key revoked``, ``not signed`` or
        ``other hypotheses``.
    what : str
        As a sentence.
    n : int
        Rows that do not count.
    """

    source: str
    reason: str
    what: str
    n: int

    @property
    def proven(self) -> bool:
        """Whether the source itself is proven to be faulty."""
        return self.reason in _PROOFS


@dataclass(frozen=True, slots=True)
class EvidenceWindow:
    """The evidence that counts at a snapshot.

    Attributes
    ----------
    night, snapshot : str
    nights : tuple of str
        Oldest first; the night is the last.
    rows : tuple of ShardRow
        Winning shards of sources that are not left out, sorted by key.
    counted : CountedRows
        Which of their rows count.
    sources : tuple of str
        Every known one, sorted: it delivered evidence up to the night, or is expected.
    newest : mapping of str to int
        End of the newest night that a source delivered, nanoseconds UTC.
    last_night : mapping of str to str
        That night, ISO date.
    left_out : tuple of LeftOut
    authenticity : Authenticity
        Of what counts.
    """

    night: str
    snapshot: str
    nights: tuple[str, ...]
    rows: tuple[ShardRow, ...]
    counted: CountedRows
    sources: tuple[str, ...]
    newest: Mapping[str, int]
    last_night: Mapping[str, str]
    left_out: tuple[LeftOut, ...]
    authenticity: Authenticity

    def without(self, sources: Collection[str], why: Sequence[LeftOut]) -> Self:
        """The window without the evidence of some sources, which remain known."""
        rows = tuple(row for row in self.rows if row.key.site not in sources)
        return replace(
            self,
            rows=rows,
            left_out=tuple(sorted([*self.left_out, *why])),
            authenticity=Authenticity.of_rows(rows),
        )

    @property
    def n(self) -> int:
        """Rows that count."""
        return sum(
            row.n if mask is None else int(mask.sum())
            for row in self.rows
            for mask in [self.counted.mask(row)]
        )


def evidence_window(
    store: BehaviorStore,
    night: str = "latest",
    *,
    nights: int = 60,
    expected: Sequence[str] = (),
    signed_only: bool = False,
) -> EvidenceWindow:
    """Find what counts.

    Parameters
    ----------
    store : BehaviorStore
    night : str
        ISO date; latest is the newest with evidence.
    nights : int
        Nights before it whose evidence counts as well, at least 0.
    expected : sequence of str
        Sources to reckon with beside those that ever delivered.
    signed_only : bool
        Leave out what is not signed.

    Returns
    -------
    EvidenceWindow

    Raises
    ------
    NotEnoughData
        Without any evidence in these nights.
    NotFound, Corrupt
        When a shard cannot be read.

    Notes
    -----
    Shards that came in after their key was revoked are left out before versions are
    compared, so that a thief cannot displace the source.  A source that says two things
    under one version or one number is proven faulty: nothing of it counts in these
    nights until it corrects itself by a higher version.  A shard that its source took
    back does not count; the source remains known.
    """
    every = evidence_rows(store)
    if night == "latest":
        night = max((row.key.night for row in every), default="")
    known = tuple(row for row in every if row.key.night <= night)
    span = window(night, nights) if night else ()
    inside = tuple(row for row in known if row.key.night in set(span))
    if not inside:
        raise NotEnoughData(
            f"evidence: none of {len(every)} shards is of {night or 'any night'} or "
            f"the {nights} nights before. Take evidence in, or ask for other nights."
        )
    back = [r for r in evidence_statements(store) if r.key.night in set(span)]
    said = (*inside, *back)
    good, left_out = _admitted(said, read_keys(store), signed_only)
    ledger = ledger_of(good)
    by_identity = {(row.key, row.version, row.sha256): row for row in good}
    winners = [by_identity[_identity(entry)] for entry in ledger.winners()]
    counted = count_once(store, winners)
    faulty = _two_contents(ledger, good) + _one_number(counted, winners)
    named = {found.source for found in faulty}
    rows = tuple(row for row in winners if row.key.site not in named)
    return EvidenceWindow(
        night=night,
        snapshot=store.snapshot,
        nights=span,
        rows=rows,
        counted=counted,
        sources=tuple(sorted({row.key.site for row in known} | set(expected))),
        newest=_newest(known),
        last_night=_last_night(known),
        left_out=tuple(sorted([*left_out, *faulty])),
        authenticity=Authenticity.of_rows(rows),
    )


def _identity(entry: LedgerEntry) -> tuple[ShardKey, Version, str]:
    key = ShardKey(entry.dataset, entry.site, entry.night, entry.part)
    return key, Version(entry.epoch, entry.seq), entry.sha256


def _admitted(
    rows: tuple[ShardRow, ...], keys: KeyRegistry, signed_only: bool
) -> tuple[tuple[ShardRow, ...], list[LeftOut]]:
    """Shards whose signature still stands, and what is left out by source."""
    good: list[ShardRow] = []
    refused: dict[tuple[str, str], list[ShardRow]] = {}
    for row in rows:
        key = keys.keys.get(row.signer)
        revoked = None if key is None else key.revoked_at
        if revoked is not None and row.ingested_at >= revoked:
            refused.setdefault((row.key.site, "key revoked"), []).append(row)
        elif signed_only and not row.signer:
            refused.setdefault((row.key.site, "not signed"), []).append(row)
        else:
            good.append(row)
    said = {
        "key revoked": "came in after the key that signed them was revoked",
        "not signed": "are not signed",
    }
    out = [
        LeftOut(
            source,
            why,
            f"{len(found)} shards {said[why]}, the first {found[0].key}",
            sum(row.n for row in found),
        )
        for (source, why), found in refused.items()
    ]
    return tuple(good), out


def _two_contents(
    ledger: ShardLedger, rows: tuple[ShardRow, ...]
) -> tuple[LeftOut, ...]:
    """Sources that gave two contents to the newest version of a shard."""
    keys: dict[str, set[str]] = {}
    for entry in ledger.quarantined():
        key, version, _ = _identity(entry)
        keys.setdefault(key.site, set()).add(f"{key} version {version}")
    return tuple(
        LeftOut(
            source,
            "two contents",
            f"two contents under one version: {min(found)}"
            + (f" and {len(found) - 1} more" if len(found) > 1 else ""),
            sum(row.n for row in rows if row.key.site == source),
        )
        for source, found in sorted(keys.items())
    )


def _one_number(counted: CountedRows, rows: Sequence[ShardRow]) -> tuple[LeftOut, ...]:
    """Sources that gave one number to two different rows."""
    return tuple(
        LeftOut(
            found.source,
            "one number twice",
            f"{found.n} numbers of epoch {found.epoch} stand for two different rows, "
            f"the first {found.seq[0]}, in {found.shards[0]} and {found.shards[-1]}",
            sum(row.n for row in rows if row.key.site == found.source),
        )
        for found in counted.contradictions
    )


def _newest(rows: Sequence[ShardRow]) -> dict[str, int]:
    """End of the newest night of each source."""
    newest: dict[str, int] = {}
    for row in rows:
        newest[row.key.site] = max(newest.get(row.key.site, 0), row.event_end)
    return newest


def _last_night(rows: Sequence[ShardRow]) -> dict[str, str]:
    """Newest night of each source."""
    return {row.key.site: row.key.night for row in sorted(rows, key=_night)}


def _night(row: ShardRow) -> str:
    return row.key.night
