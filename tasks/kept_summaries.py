"""Summaries of single shards: from their checkpoints, else from the stored values."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from stats.labelled import Labelled
from stats.summary import InvalidInput, merge_all
from stats.window_sums import WindowSums
from storage.checkpoints import Checkpoints
from storage.errors import NotFound, TooLate
from storage.records import ShardKey
from storage.schema import ShardRow
from storage.store import BehaviorStore
from tasks.blocks import block_refs, summarize_shard
from tasks.rollup import Member, Part
from tasks.schema_scale import schema_origins, schema_transforms
from tasks.shard_summary import ShardSummary
from tasks.summaries import (
    checkpoint_key,
    decode_quantiles,
    decode_record,
    quantile_key,
)

__all__ = ["KeptSummaries", "window_part"]


class KeptSummaries:
    """Summaries of shards: from the checkpoints, else from the stored values.

    Parameters
    ----------
    store : BehaviorStore
    known : mapping of Member to Labelled[WindowSums], optional
        Those that are in memory already.

    Attributes
    ----------
    read : int
        Summaries that were fetched so far.
    """

    def __init__(
        self, store: BehaviorStore, known: Mapping[Member, Part] | None = None
    ) -> None:
        self._store = store
        self._known = dict(known or {})
        self._scale = schema_transforms(store.schema), schema_origins(store.schema)
        self.read = 0

    def get(self, members: Sequence[Member]) -> dict[Member, Part]:
        """Return one summary per member.

        Raises
        ------
        storage.errors.TooLate
            When of one neither checkpoint nor values are kept.
        """
        asked = [m for m in members if m not in self._known]
        keys = {
            m: (checkpoint_key(m, self._scale[0]), quantile_key(m, self._scale[1]))
            for m in asked
        }
        kept = Checkpoints(self._store).get([k for pair in keys.values() for k in pair])
        for member, (one, two) in keys.items():
            if one in kept and two in kept:
                moments, bins = decode_record(kept[one]), decode_quantiles(kept[two])
                self._known[member] = window_part(ShardSummary(moments, bins))
            else:
                self._known[member] = self._summarise(member)
        self.read += len(asked)
        return {member: self._known[member] for member in members}

    def _summarise(self, member: Member) -> Part:
        """Read the values of a shard again."""
        row = self._rows.get((member.key, member.sha256))
        if row is None:
            raise _too_late(member)
        try:
            refs = block_refs(self._store, row)
            return window_part(
                merge_all([summarize_shard(ref, *self._scale) for ref in refs])
            )
        except NotFound as error:
            raise _too_late(member) from error

    @functools.cached_property
    def _rows(self) -> dict[tuple[ShardKey, str], ShardRow]:
        return {(row.key, row.sha256): row for row in self._store.shards()}


def window_part(summary: ShardSummary) -> Part:
    """Return what of a shard's summary a window adds up.

    Raises
    ------
    stats.summary.InvalidInput
        When its two parts name different teams.
    """
    if summary.moments.labels != summary.quantiles.labels:
        raise InvalidInput(
            f"window_part: moments of {len(summary.moments.labels)} teams, bins of "
            f"{len(summary.quantiles.labels)}. Summarise the shard again."
        )
    sums = WindowSums(summary.moments.groups.rows, summary.quantiles.groups)
    return Labelled(summary.moments.labels, sums)


def _too_late(member: Member) -> TooLate:
    return TooLate(
        f"roll-up: of shard {member.key}, content {member.sha256[:12]}, neither "
        "summary nor values are kept. Restore the store from a copy, or leave results "
        "that need this shard as they were published."
    )
