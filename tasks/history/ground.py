"""What every place of one investigation is built from, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stats.labelled import Labelled
from stats.shard_moments import ShardMoments
from stats.summary import merge_all
from storage.checkpoints import Checkpoints
from storage.schema import ShardRow
from storage.store import BehaviorStore
from tasks.baselines import Records
from tasks.blocks import block_refs, summarize
from tasks.history.agents import ChunkReader
from tasks.history.published import Findings, corrections, read_findings
from tasks.history.record import Correction, State
from tasks.history.span import Span
from tasks.progress import report_progress
from tasks.reconcile import NightView, night_end, reconcile
from tasks.schema_scale import schema_transforms
from tasks.summaries import checkpoint_key, decode_record

__all__ = ["Ground", "lay_ground"]

Changed = Mapping[tuple[str, str], tuple[tuple[Correction, ShardRow | None], ...]]


@dataclass(frozen=True, slots=True)
class Ground:
    """The counted shards of a span, their summaries, what was published about them.

    `changed` holds late and corrected shards by site and night, `level` the
    false-discovery rate.
    """

    store: BehaviorStore
    span: Span
    view: NightView
    records: Records
    findings: Findings
    changed: Changed
    level: float
    reader: ChunkReader

    @property
    def shown(self) -> tuple[str, ...]:
        """Nights of the range."""
        return tuple(n for n in self.view.nights if n >= self.span.since)

    def state(self, site: str, night: str) -> State:
        """Why a night holds no rows of something at a site."""
        if self.view.arrived(site, night):
            return "absent"
        refused = {(key.site, key.night) for key in self.view.quarantined}
        return "refused" if (site, night) in refused else "silent"


def lay_ground(store: BehaviorStore, span: Span, *, level: float) -> Ground:
    """Decide what counts, and read the summaries and the published findings."""
    view = reconcile(store, span.until, nights=span.before, as_of=night_end(span.until))
    return Ground(
        store=store,
        span=span,
        view=view,
        records=_records(store, view),
        findings=read_findings(store, span.since, span.until),
        changed=corrections(store, view, span.since),
        level=level,
        reader=ChunkReader(store),
    )


def _records(store: BehaviorStore, view: NightView) -> Records:
    """Summaries of all counted shards: those kept, and the others made in memory."""
    transforms = schema_transforms(store.schema)
    keys = {
        row: checkpoint_key(row, transforms)
        for rows in view.winners.values()
        for row in rows
    }
    kept = Checkpoints(store).get(list(keys.values()))
    records: dict[tuple[str, str], Labelled[ShardMoments]] = {}
    for done, (place, rows) in enumerate(view.winners.items(), 1):
        parts = [
            decode_record(kept[keys[row]])
            if keys[row] in kept
            else merge_all([summarize(b, transforms) for b in block_refs(store, row)])
            for row in rows
        ]
        records[place] = merge_all(parts)
        report_progress("summaries", done, len(view.winners))
    return records
