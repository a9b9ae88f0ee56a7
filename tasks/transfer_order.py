"""In which order the missing shard versions of a store are asked for."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from stats.backlog import Backlog
from stats.transfer import Objective, plan_transfer
from storage.peer import Offer
from storage.records import ShardKey, ShardRow, Version
from storage.store import BehaviorStore
from tasks.site_volatility import site_volatility

__all__ = ["WINDOW", "fitting", "in_order"]

WINDOW = 30
"""Nights of the mean that the objective ``window`` speaks of."""


def in_order(
    store: BehaviorStore, offers: Sequence[Offer], objective: Objective
) -> tuple[Offer, ...]:
    """Order offers by what they tell per byte.

    Parameters
    ----------
    store : BehaviorStore
        That receives: what it has decides what the rest is worth.
    offers : sequence of Offer
    objective : Objective

    Returns
    -------
    tuple of Offer
        First what is not behaviour, newest night first: it is small and decides what
        counts.  Then behaviour by value, a night of a site in one piece.  Last what
        cannot count any more: versions below the highest one known.
    """
    top = _highest(store.rows(), [offer.row for offer in offers])
    counting: dict[tuple[str, str], list[Offer]] = {}
    other: list[Offer] = []
    history: list[Offer] = []
    for offer in sorted(offers, key=lambda o: (o.row.key, o.row.version, o.row.sha256)):
        row = offer.row
        if row.version < top[row.key]:
            history.append(offer)
        elif row.kind != "data":
            other.append(offer)
        else:
            counting.setdefault((row.key.site, row.key.night), []).append(offer)
    other.sort(key=lambda offer: offer.row.key.night, reverse=True)
    history.sort(key=lambda offer: offer.row.key.night, reverse=True)
    behaviour = _by_value(store, counting, objective)
    return (*other, *behaviour, *history)


def fitting(offers: Iterable[Offer], budget: float) -> tuple[Offer, ...]:
    """Offers that fit into a budget of bytes; one that does not is passed over."""
    found, left = [], budget
    for offer in offers:
        if offer.nbytes <= left:
            left -= offer.nbytes
            found.append(offer)
    return tuple(found)


def _highest(*rows: Iterable[ShardRow]) -> dict[ShardKey, Version]:
    found: dict[ShardKey, Version] = {}
    for row in (row for some in rows for row in some):
        found[row.key] = max(row.version, found.get(row.key, row.version))
    return found


def _by_value(
    store: BehaviorStore,
    counting: dict[tuple[str, str], list[Offer]],
    objective: Objective,
) -> list[Offer]:
    if not counting:
        return []
    rows = store.shards()
    sites = sorted({row.key.site for row in rows} | {site for site, _ in counting})
    last = max(night for _, night in [*counting, *((0, r.key.night) for r in rows)])
    end = dt.date.fromisoformat(last)
    nights = [(end - dt.timedelta(days=k)).isoformat() for k in range(WINDOW)][::-1]
    here = np.zeros((len(sites), WINDOW), dtype=bool)
    nbytes = np.zeros(here.shape)
    for row in rows:
        if row.key.night in nights:
            here[sites.index(row.key.site), nights.index(row.key.night)] = True
    for (site, night), some in counting.items():
        if night in nights:
            place = sites.index(site), nights.index(night)
            here[place] = False
            nbytes[place] = sum(offer.nbytes for offer in some)
    agents = _agents(
        sites, [*rows, *(o.row for some in counting.values() for o in some)]
    )
    backlog = Backlog(
        agents / agents.sum(), site_volatility(store, sites), here, nbytes
    )
    plan = plan_transfer(backlog, math.inf, objective)
    first = [
        (sites[site], nights[night])
        for site, night in zip(*(part.tolist() for part in plan), strict=True)
    ]
    older = sorted(set(counting) - set(first), key=lambda key: (key[1], key[0]))
    return [offer for key in [*first, *older[::-1]] for offer in counting[key]]


def _agents(sites: list[str], rows: Iterable[ShardRow]) -> NDArray[np.float64]:
    """Median number of agents a night of each site."""
    counts: dict[str, dict[str, int]] = {site: {} for site in sites}
    for row in rows:
        nights = counts[row.key.site]
        nights[row.key.night] = max(nights.get(row.key.night, 0), row.agents)
    return np.array([max(1.0, np.median(list(counts[s].values()))) for s in sites])
