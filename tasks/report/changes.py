"""Which shards came late, were corrected or went since the last published night."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from storage.store import BehaviorStore
from tasks.affected import KnownShards, counted_shards
from tasks.night import Night
from tasks.publish import Published, latest
from tasks.report.collect_groups import number
from tasks.report.rows import Change

__all__ = ["changes_since", "published_before"]


def published_before(store: BehaviorStore, night: Night) -> Published | None:
    """Return the newest publication whose view tonight's view follows.

    The revision before this one, else the newest night of the window before tonight.
    """
    for when in reversed(night.view.nights):
        found = latest(store, when)
        if found is not None:
            return found
    return None


def changes_since(
    store: BehaviorStore, night: Night, before: Published | None
) -> tuple[Change, ...]:
    """Compare the counted shards with those of an earlier publication.

    Returns
    -------
    tuple of Change
        Shards of nights up to that publication which it did not have, had in another
        version, or which count no more; sorted by night, site and part.  Empty without
        a publication.
    """
    if before is None:
        return ()
    counted = counted_shards(store, before)
    first = min((place.night for place in counted), default=before.night)
    nights = [when for when in night.view.nights if first <= when <= before.night]
    known = KnownShards.of(store.at(night.view.snapshot))
    level = night.baselines.all
    lead = night.schema.names.index(night.schema.lead)
    return tuple(
        Change(
            site=change.site,
            night=change.night,
            what=change.what,
            version_before=change.version_before,
            version_now=change.version_now or "",
            rows_before=change.rows_before,
            rows_now=change.rows_now,
            value_before=_value(latest(store, change.night)),
            value_now=number(
                level.mean[night.view.nights.index(change.night), 0, lead]
            ),
        )
        for change in known.changes(counted, nights)
    )


def _value(published: Published | None) -> float | None:
    summary: Mapping[str, Any] = {} if published is None else published.summary
    value = summary.get("value")
    return None if value is None else number(np.float64(value))
