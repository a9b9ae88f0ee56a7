"""Which published posteriors rest on evidence that counts otherwise by now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.errors import NotFound
from storage.evidence import evidence_rows, evidence_statements
from storage.key_store import read_keys
from storage.results import read_attributes
from storage.schema import ShardRow
from storage.store import BehaviorStore
from tasks.evidence_window import evidence_window
from tasks.publish_consensus import PublishedConsensus, consensus_runs
from tasks.reconcile import window
from tasks.report.render import dump_json
from tasks.report.write_report import write_whole

__all__ = ["StalePosterior", "list_posteriors", "stale_posteriors"]

LIST = "out-of-date.json"


@dataclass(frozen=True, slots=True)
class StalePosterior:
    """A published consensus whose evidence has changed since.

    Attributes
    ----------
    run, night : str
    sources : tuple of str
        Whose evidence came late, was corrected or retracted, or counts no more.
    shards : int
        How many of their shards count now and did not, or the other way round.
    superseded_by : tuple of str
        Runs of the same night that stand; none while nobody has run it again.
    """

    run: str
    night: str
    sources: tuple[str, ...]
    shards: int
    superseded_by: tuple[str, ...]

    def __str__(self) -> str:
        said = (
            f"superseded by {', '.join(self.superseded_by)}"
            if self.superseded_by
            else f"out of date: run `consilience consensus --night {self.night}`"
        )
        shards = "1 shard" if self.shards == 1 else f"{self.shards} shards"
        return (
            f"consensus {self.run}: {shards} of {', '.join(self.sources)} changed "
            f"since; {said}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "run": self.run,
            "night": self.night,
            "sources": list(self.sources),
            "shards": self.shards,
            "superseded_by": list(self.superseded_by),
        }


def stale_posteriors(store: BehaviorStore) -> tuple[StalePosterior, ...]:
    """Find the published posteriors that no longer say what the evidence says.

    Nothing is remembered for this: what counted at the snapshot a run was computed from
    is compared with what counts at the store's snapshot.  Late and corrected shards,
    retractions, contradictions and keys that were revoked since are all found so.

    Parameters
    ----------
    store : BehaviorStore

    Returns
    -------
    tuple of StalePosterior
        Sorted by night and run.
    """
    changed: dict[str, tuple[str, dict[str, int]]] = {}
    standing: dict[str, list[str]] = {}
    for run in consensus_runs(store):
        night, sources = _changes(store, run)
        if sources:
            changed[run] = (night, sources)
        else:
            standing.setdefault(night, []).append(run)
    return tuple(
        StalePosterior(
            run, night, tuple(sorted(sources)), sum(sources.values()),
            tuple(standing.get(night, ())),
        )
        for run, (night, sources) in changed.items()
    )  # fmt: skip


def list_posteriors(folder: Path, found: Iterable[StalePosterior]) -> Path | None:
    """Write the list of posteriors that changed evidence affects, for programs.

    Returns
    -------
    Path or None
        The list; None where there is nothing to say and no list to correct.
    """
    path = folder / LIST
    content = dump_json({"runs": {one.run: one.as_dict() for one in found}})
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    if before == content or (before is None and content == _NOTHING):
        return path if before else None
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return path


_NOTHING = dump_json({"runs": {}})


def _changes(store: BehaviorStore, run: str) -> tuple[str, dict[str, int]]:
    """Night of a run, and how many shards of which source changed."""
    published = PublishedConsensus(run, "", fresh=False)
    pinned = store.at(published.tag)
    about = read_attributes(pinned, published.group)
    night, nights = str(about["night"]), int(about["nights"]) - 1
    then = _as_computed(store, str(about["snapshot"]), pinned)
    if _known(then, night, nights) == _known(store, night, nights):
        return night, {}
    signed = any(": not signed: " in said for said in about["left_out"])
    before, now = (
        _counted(at, night, nights, signed_only=signed) for at in (then, store)
    )
    sources: dict[str, int] = {}
    for key in before.keys() ^ now.keys():
        sources[key[0]] = sources.get(key[0], 0) + 1
    return night, sources


def _as_computed(
    store: BehaviorStore, snapshot: str, pinned: BehaviorStore
) -> BehaviorStore:
    """Open what a run was computed from; what its tag pins, where that has expired."""
    try:
        return store.at(snapshot)
    except NotFound:
        return pinned


def _known(store: BehaviorStore, night: str, nights: int) -> tuple[object, ...]:
    """What decides which evidence counts, without reading any of it."""
    span = set(window(night, nights))
    every = (*evidence_rows(store), *evidence_statements(store))
    rows = [row for row in every if row.key.night in span]
    return _identities(rows).keys(), read_keys(store)


def _counted(
    store: BehaviorStore, night: str, nights: int, *, signed_only: bool
) -> Mapping[tuple[str, str, str, str], ShardRow]:
    found = evidence_window(store, night, nights=nights, signed_only=signed_only)
    return _identities(found.rows)


def _identities(
    rows: Iterable[ShardRow],
) -> dict[tuple[str, str, str, str], ShardRow]:
    return {(r.key.site, r.key.night, r.key.part, r.sha256): r for r in rows}
