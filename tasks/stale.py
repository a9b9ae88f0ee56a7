"""Which published nights are out of date: said on their pages, and in a list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storage.store import BehaviorStore
from tasks.affected import Affected
from tasks.publish import latest, published_nights
from tasks.report.render import dump_json
from tasks.report.supersede import mark_out_of_date, mark_superseded
from tasks.report.write_report import write_index, write_whole

__all__ = ["LIST", "choose", "mark_nights", "marked_nights"]

LIST = "out-of-date.json"


def choose(
    affected: Sequence[Affected], *, since: str | None = None, most: int | None = None
) -> tuple[Affected, ...]:
    """Return which affected nights to issue again; the others are left for now.

    Parameters
    ----------
    affected : sequence of Affected
        Oldest first.
    since : str, optional
        First night.
    most : int, optional
        The newest so many; 0 for none.

    Returns
    -------
    tuple of Affected
        Oldest first, so that a night is issued after those its report refers to.
    """
    wanted = [found for found in affected if since is None or found.night >= since]
    first = 0 if most is None else max(len(wanted) - most, 0)
    return tuple(wanted[first:])


def marked_nights(reports: Path) -> dict[str, Any]:
    """Read the list of nights that are out of date: night to revision and changes."""
    path = reports / LIST
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["nights"]
    return found


def mark_nights(
    reports: Path, store: BehaviorStore, affected: Sequence[Affected]
) -> tuple[str, ...]:
    """Make pages and list say which nights are out of date: exactly these.

    Doing it again changes nothing.  What a run that died left behind is repaired: a
    night that was listed and was issued again meanwhile loses its mark, and its older
    revisions name the newest one.

    Parameters
    ----------
    reports : Path
        Folder of all reports; a night without a page is listed all the same.
    store : BehaviorStore
        At its newest snapshot.
    affected : sequence of Affected

    Returns
    -------
    tuple of str
        Nights that are listed now, oldest first.
    """
    now = {found.night: found for found in affected}
    listed = marked_nights(reports)
    for night in sorted(set(listed) - set(now)):
        published = latest(store, night)
        if published is not None:
            mark_superseded(reports, night, published.revision)
            mark_out_of_date(reports, night, published.revision, ())
    for night, found in now.items():
        lines = [str(change) for change in found.changes]
        mark_out_of_date(reports, night, found.published.revision, lines)
    wanted = {night: _listed(found) for night, found in sorted(now.items())}
    if wanted != listed:
        reports.mkdir(parents=True, exist_ok=True)
        write_whole(reports / LIST, dump_json({"nights": wanted}))
    if set(listed) - set(now):
        found_nights = (latest(store, night) for night in published_nights(store))
        write_index(reports, [p.summary for p in found_nights if p is not None])
    return tuple(wanted)


def _listed(found: Affected) -> dict[str, Any]:
    plain = found.as_dict()
    return {"revision": plain["revision"], "changes": plain["changes"]}
