"""Views of a real store: as it is, or as it was known at a snapshot or a date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from stats.clock import VectorClock
from stats.contracts import view_of
from stats.staleness import ConsistencyModel, StalenessPolicy
from stats.views import View
from storage.errors import NotFound
from storage.store import BehaviorStore
from tasks.ledgers import dataset_rows, ledger_of

__all__ = ["store_at", "view"]


def view(
    store: BehaviorStore,
    night: str | None = None,
    model: ConsistencyModel = ConsistencyModel.STATISTICAL,
    policy: StalenessPolicy | None = None,
    *,
    now: int,
    dataset: str | None = None,
    roster: Iterable[str] = (),
    seen: VectorClock | None = None,
) -> View:
    """Say what counts for a night at the store's snapshot, or refuse.

    Parameters
    ----------
    store : BehaviorStore
        Pinned to a snapshot; `store_at` opens an earlier one.
    night, model, policy, now, roster, seen
        As `stats.contracts.view_of`.
    dataset : str, optional
        None takes the store's own.

    Returns
    -------
    View

    Raises
    ------
    stats.refusals.Refused
        When the model cannot be kept.
    """
    return view_of(
        ledger_of(dataset_rows(store, dataset)),
        night,
        model,
        policy,
        now=now,
        roster=roster,
        seen=seen,
        snapshot=store.snapshot,
    )


def store_at(store: BehaviorStore, at: str) -> BehaviorStore:
    """Open the store as it was at a snapshot, a tag, or the end of a date (UTC).

    Parameters
    ----------
    store : BehaviorStore
    at : str
        Snapshot id, tag, ``YYYY-MM-DD``, or a moment like ``2026-03-09T05:00:00``.

    Raises
    ------
    NotFound
        When there is no such snapshot, or the store did not exist then.

    Notes
    -----
    A date is compared with when commits were made, by the clock of who made them; it
    only selects a snapshot.
    """
    try:
        moment = dt.datetime.fromisoformat(at)
    except ValueError:
        return store.at(at)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    if len(at) == len("2026-03-09"):
        aware += dt.timedelta(days=1, microseconds=-1)
    limit = round(aware.timestamp() * 1e6)
    found = [c.snapshot for c in store.history() if c.written_at // 1000 <= limit]
    if not found:
        raise NotFound(
            f"store {store.url}: nothing was committed until {aware.isoformat()}. "
            "See `BehaviorStore.history()`."
        )
    return store.at(found[0])
