"""What the run itself says of a night goes into the ledger; then all say it together.

Evidence of the run is written like that of any other source: one shard per site and
night, whose newer version supersedes the older one, which is kept.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from distributed import Client

from stats.summary import StatsError
from storage.evidence import evidence_rows, evidence_statements, make_evidence_shard
from storage.evidence_records import EVIDENCE, EvidenceData
from storage.identity import ShardKey, Version
from storage.records import ShardRow
from storage.shards import Shard, write_shards
from storage.statement_staging import make_statement_shard
from storage.statements import retraction_of
from storage.store import BehaviorStore
from tasks.consensus_conclude import ConsensusOptions
from tasks.consensus_night import consensus_of_night
from tasks.consensus_result import Consensus
from tasks.evidence_window import evidence_window
from tasks.monitor_evidence import is_monitor, monitor_of, site_evidence
from tasks.reconcile import NightView, night_end
from tasks.scoring import AgentFamily

__all__ = ["WeighOptions", "Weighed", "evidence_of_others", "say", "weigh"]

_GONE = "The night has no scores of this site any more."


@dataclass(frozen=True, slots=True)
class WeighOptions:
    """How a night weighs evidence.

    Attributes
    ----------
    mode : {"robust", "exact"}
    prior : float
        Probability in (0, 1) before any evidence.
    nights : int
        Nights before it whose evidence counts as well, at least 0.
    """

    mode: Literal["robust", "exact"] = "robust"
    prior: float = 0.01
    nights: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What the run told the ledger.

    Attributes
    ----------
    written, kept, withdrawn : tuple of str
        Sources whose evidence of the night is new or other than before, the same as
        before, or no longer there.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]
    withdrawn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weighed:
    """Consensus of a night, or why there is none.

    Attributes
    ----------
    consensus : Consensus or None
    options : WeighOptions
    others : tuple of str
        Known sources that are not the run itself.
    kind, why : str
        Of the error, where there is no consensus; else empty.
    """

    consensus: Consensus | None
    options: WeighOptions
    others: tuple[str, ...] = ()
    kind: str = ""
    why: str = ""


def say(
    store: BehaviorStore, night: str, family: AgentFamily | None, *, ingested_at: int
) -> Said:
    """Write what the scores of a night say, one shard per site; again changes nothing.

    A site that has no scores any more takes back what it said.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing.
    night : str
        ISO date.
    family : AgentFamily or None
        Agents that were tested; None where there are too few nights for that.
    ingested_at : int
        Clock, nanoseconds UTC.

    Returns
    -------
    Said

    Raises
    ------
    Corrupt, Locked, Conflict
        As `storage.shards.write_shards`; nothing is written.
    """
    found: Mapping[str, EvidenceData] = {}
    if family is not None:
        found = site_evidence(family, store.schema, night)
    told = {monitor_of(site): data for site, data in found.items()}
    before = _standing(store, night)
    shards, kept = [], []
    for source, data in told.items():
        top = before.get(source, ())
        shard = make_evidence_shard(
            night, _next(top), data, event_end=night_end(night),
            ingested_at=ingested_at, issuer="nightly",
        )  # fmt: skip
        if [(row.kind, row.sha256) for row in top] == [("table", shard.row.sha256)]:
            kept.append(source)
        else:
            shards.append(shard)
    written = tuple(shard.row.key.site for shard in shards)
    gone = [
        source
        for source, top in sorted(before.items())
        if source not in told and {row.kind for row in top} != {"retraction"}
    ]
    shards += [_retraction(s, night, before[s], ingested_at) for s in gone]
    if shards:
        write_shards(store, shards, message=f"evidence of the run, night {night}")
    return Said(written, tuple(kept), tuple(gone))


def _standing(store: BehaviorStore, night: str) -> dict[str, tuple[ShardRow, ...]]:
    """Rows of the highest version that the run ever gave for a night, by source."""
    rows: dict[str, list[ShardRow]] = {}
    for row in (*evidence_rows(store, night=night), *evidence_statements(store)):
        if row.key.night == night and is_monitor(row.key.site):
            rows.setdefault(row.key.site, []).append(row)
    return {
        source: tuple(row for row in mine if row.version == top)
        for source, mine in rows.items()
        for top in [max(row.version for row in mine)]
    }


def _next(top: tuple[ShardRow, ...]) -> Version:
    return Version(top[0].version.epoch, top[0].version.seq + 1) if top else Version()


def _retraction(
    source: str, night: str, top: tuple[ShardRow, ...], ingested_at: int
) -> Shard:
    return make_statement_shard(
        ShardKey(EVIDENCE, source, night),
        _next(top),
        retraction_of({"reason": _GONE}, source),
        event_end=night_end(night),
        ingested_at=ingested_at,
        issuer="nightly",
    )


def weigh(
    store: BehaviorStore,
    view: NightView,
    options: WeighOptions,
    *,
    client: Client | None = None,
) -> Weighed:
    """Weigh the evidence that is stored of a night.

    Parameters
    ----------
    store : BehaviorStore
        Holds what the run says of the night; only read.
    view : NightView
    options : WeighOptions
    client : distributed.Client, optional

    Returns
    -------
    Weighed
        Without a consensus where evidence is missing or cannot be added up.

    Raises
    ------
    NotFound, Corrupt
        When a shard cannot be read.

    Notes
    -----
    What the run says of an agent is one voice, that of the agent's own site: the
    monitors of other sites are silent about it, and are not witnesses.  So as many
    liars are withstood as the other sources and that voice allow, ((s + 1) - 1) // 3;
    none where there are fewer than three others.
    """
    night = view.night
    others = tuple(s for s in _known(store, night) if not is_monitor(s))
    robust = options.mode == "robust"
    chosen = ConsensusOptions(
        mode=options.mode,
        liars=len(others) // 3 if robust else None,
        prior=options.prior,
    )
    expected = [monitor_of(s.site) for s in view.sites if s.active(night)]
    try:
        found = consensus_of_night(
            store, night, nights=options.nights, options=chosen, expected=expected,
            client=client, as_of=view.as_of,
        )  # fmt: skip
    except StatsError as error:
        return Weighed(None, options, others, error.kind, str(error))
    return Weighed(found, options, others)


def _known(store: BehaviorStore, night: str) -> tuple[str, ...]:
    """Sources that delivered evidence up to a night, sorted."""
    rows = evidence_rows(store)
    return tuple(sorted({row.key.site for row in rows if row.key.night <= night}))


def evidence_of_others(
    store: BehaviorStore, night: str, nights: int
) -> list[list[str]]:
    """What counts of a night beside what its own run says: equal lists, equal results.

    Parameters
    ----------
    store : BehaviorStore
        Pinned to a snapshot.
    night : str
        ISO date.
    nights : int
        Nights before it that count as well.

    Returns
    -------
    list of list of str
        Known sources that are not the run, shards that count, and what is left out.
    """
    others = [s for s in _known(store, night) if not is_monitor(s)]
    first = dt.date.fromisoformat(night) - dt.timedelta(days=nights)
    rows = evidence_rows(store)
    if not any(first.isoformat() <= row.key.night <= night for row in rows):
        return [[name] for name in others]
    window = evidence_window(store, night, nights=nights)
    counted = [
        [row.key.site, row.key.night, row.key.part, row.sha256]
        for row in window.rows
        if row.key.night != night or not is_monitor(row.key.site)
    ]
    out = [[x.source, x.reason] for x in window.left_out if not is_monitor(x.source)]
    return [*([name] for name in others), *counted, *out]
