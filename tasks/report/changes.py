"""Which shards came late or were corrected since the last published night."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from storage.results import read_results
from storage.store import BehaviorStore
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
        Shards of nights up to that publication which it did not have, or had in
        another version; sorted by night, site and part.  Empty without a publication.
    """
    if before is None:
        return ()
    then = read_results(store, f"runs/{before.night}/r{before.revision}/views")
    known: dict[tuple[str, str, str], tuple[str, int]] = {
        (str(s), str(w), str(p)): (str(h), int(n))
        for s, w, p, h, n in zip(
            then["site"],
            then["night"],
            then["part"],
            then["sha256"],
            then["n"],
            strict=True,
        )
    }
    first = min((when for _, when, _ in known), default=before.night)
    level = night.baselines.all
    lead = night.schema.names.index(night.schema.lead)
    found = []
    for (site, when), rows in night.view.winners.items():
        for row in rows:
            held = known.get((site, when, row.key.part))
            if not first <= when <= before.night or (held and held[0] == row.sha256):
                continue
            k = night.view.nights.index(when)
            found.append(
                Change(
                    site=site,
                    night=when,
                    what="corrected" if held else "late",
                    version_before=None,
                    version_now=f"{row.version.epoch}-{row.version.seq}",
                    rows_before=held[1] if held else None,
                    rows_now=row.n,
                    value_before=_value(latest(store, when)),
                    value_now=number(level.mean[k, 0, lead]),
                )
            )
    return tuple(sorted(found, key=lambda c: (c.night, c.site)))


def _value(published: Published | None) -> float | None:
    summary: Mapping[str, Any] = {} if published is None else published.summary
    value = summary.get("value")
    return None if value is None else number(np.float64(value))
