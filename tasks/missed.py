"""Nights that were delivered and never published."""

from __future__ import annotations

from storage.store import BehaviorStore
from tasks.publish import published_nights
from tasks.reconcile import window

__all__ = ["delivered_nights", "missed_nights"]


def delivered_nights(
    store: BehaviorStore, *, since: str | None = None, until: str | None = None
) -> list[str]:
    """Nights with at least one shard, oldest first; both ends are included.

    Parameters
    ----------
    store : BehaviorStore
    since, until : str, optional
        Nights, YYYY-MM-DD; without, from the first and to the last.
    """
    return sorted({row.key.night for row in store.shards(since=since, until=until)})


def missed_nights(store: BehaviorStore, *, before: str, nights: int) -> list[str]:
    """Nights that the schedule should have published and did not, oldest first.

    Delivered, never published, and between the first published night and `before`: what
    lies before the first was there when the schedule began, and is for a back-fill.

    Parameters
    ----------
    store : BehaviorStore
    before : str
        The night whose turn it is, YYYY-MM-DD; not included.
    nights : int
        How many nights before it are looked at.
    """
    published = published_nights(store)
    if nights < 1 or not published:
        return []
    first = max(window(before, nights)[0], min(published))
    delivered = delivered_nights(store, since=first, until=before)
    return [night for night in delivered if night < before and night not in published]
