"""Agents over the nights of a window: what each did beside its own team.

The unit is an agent in its team.  A part holds some teams of one site over all nights,
because whatever compares an agent with its own past needs the whole past at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.shard_moments import agent_means
from stats.transforms import Transforms
from stats.within import MIN_ROWS
from storage.reading import read_teams
from storage.schema import ShardData, ShardRow
from storage.store import BehaviorStore, StoreHandle
from tasks.baselines import Records
from tasks.blocks import team_label
from tasks.reconcile import NightView
from tasks.schema_scale import schema_transforms

__all__ = ["AgentSeries", "PartRef", "plan_parts", "read_part"]

# What the residuals of one part may take; working memory is a few times that.
_PART_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class PartRef:
    """Where a part lies, and the nightly means that its agents are compared with.

    Attributes
    ----------
    handle : StoreHandle
    site : str
    nights : tuple of str
        The window, tonight last.
    rows : tuple of (int, ShardRow)
        Every counted shard of the site, with the position of its night.
    labels : tuple of str, length g
        Teams of the part: neighbours in the sorted order of the site's labels.
    centre, centre_n : float64 arrays, shape (T, g, d)
        Mean of the team's agents that night, transformed features, and agents behind.
    transforms : Transforms
    """

    handle: StoreHandle
    site: str
    nights: tuple[str, ...]
    rows: tuple[tuple[int, ShardRow], ...]
    labels: tuple[str, ...]
    centre: NDArray[np.float64]
    centre_n: NDArray[np.float64]
    transforms: Transforms


@dataclass(frozen=True, slots=True, eq=False)
class AgentSeries:
    """Agents of a part over its nights, sorted by team and agent.

    Attributes
    ----------
    site : str
    nights : tuple of str, length T
    labels : tuple of str, length g
    agents, entities : str arrays, shape (a,)
    team : int64 array, shape (a,)
        Position in `labels`.
    rows : int64 array, shape (a, T)
        Time steps with data; 0 where the agent was absent.
    residual : float64 array, shape (a, T, d)
        Transformed mean of the agent's steps minus the mean of its team's agents that
        night, over √(1 - 1/n) since that mean contains it; NaN where missing, absent,
        or in a team of fewer than 3 agents that night.
    known : bool array, shape (T,)
        Nights on which all parts of the site that usually come were there: only then
        is an agent without rows absent.
    """

    site: str
    nights: tuple[str, ...]
    labels: tuple[str, ...]
    agents: NDArray[np.str_]
    entities: NDArray[np.str_]
    team: NDArray[np.int64]
    rows: NDArray[np.int64]
    residual: NDArray[np.float64]
    known: NDArray[np.bool_]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether the agent was there or cannot be told to be absent, shape (a, T)."""
        found: NDArray[np.bool_] = (self.rows > 0) | ~self.known
        return found

    def __repr__(self) -> str:
        return (
            f"AgentSeries: agents={len(self.agents):_} | nights={len(self.nights)} | "
            f"site={self.site}"
        )


def plan_parts(
    store: BehaviorStore,
    view: NightView,
    records: Records,
    *,
    part_bytes: int = _PART_BYTES,
) -> tuple[PartRef, ...]:
    """Cut the agents of a window into parts that fit into a worker.

    Parameters
    ----------
    store : BehaviorStore
        Pinned to the snapshot of the view.
    view : NightView
    records : mapping of (site, night) to named ShardMoments
    part_bytes : int
        What the residuals of a part may take; a single team may take more.

    Returns
    -------
    tuple of PartRef
        By site, then by team.
    """
    transforms = schema_transforms(store.schema)
    cell = 8 * len(view.nights) * len(store.schema.features)
    most = max(1, part_bytes // cell)
    parts = []
    for site in (s.site for s in view.sites):
        here = [n for n in view.nights if (site, n) in records]
        if not here:
            continue
        labels = tuple(sorted({x for n in here for x in records[site, n].labels}))
        centre, n = _centres(view.nights, site, labels, records)
        rows = tuple(
            (t, row)
            for t, night in enumerate(view.nights)
            for row in view.winners.get((site, night), ())
        )
        for low, high in _runs(n.max(axis=(0, 2), initial=0.0), most):
            parts.append(
                PartRef(
                    store.handle(), site, view.nights, rows, labels[low:high],
                    centre[:, low:high], n[:, low:high], transforms,
                )
            )  # fmt: skip
    return tuple(parts)


def read_part(part: PartRef) -> AgentSeries:
    """Read the agents of a part on every night; only the chunks they lie in.

    Raises
    ------
    storage.schema.Corrupt
        When chunks are missing or damaged.
    """
    pieces = list(_pieces(part))
    d = part.centre.shape[2]
    agents, ids = _unique([data.agents for _, data, _ in pieces])
    groups = len(part.labels)
    flat = [i * groups + g for i, (_, _, g) in zip(ids, pieces, strict=True)]
    keys = np.unique(np.concatenate(flat)) if flat else np.zeros(0, dtype=np.int64)
    order = np.lexsort((keys // max(groups, 1), keys % max(groups, 1)))
    place = np.empty(len(keys), dtype=np.int64)
    place[order] = np.arange(len(keys))
    residual = np.full((len(keys), len(part.nights), d), np.nan)
    rows = np.zeros(residual.shape[:2], dtype=np.int64)
    longest = max((data.entities.dtype.itemsize for _, data, _ in pieces), default=4)
    entities = np.zeros(len(keys), dtype=f"<U{longest // 4}")
    for key, (t, data, group) in zip(flat, pieces, strict=True):
        at = place[np.searchsorted(keys, key)]
        residual[at, t] = _residual(part, t, data, group)
        rows[at, t] = data.count.sum(axis=1)
        entities[at] = data.entities
    sorted_keys = keys[order]
    return AgentSeries(
        site=part.site,
        nights=part.nights,
        labels=part.labels,
        agents=agents[sorted_keys // max(groups, 1)],
        entities=entities,
        team=sorted_keys % max(groups, 1),
        rows=rows,
        residual=residual,
        known=_known(part),
    )


def _known(part: PartRef) -> NDArray[np.bool_]:
    """Nights with every part of the site that comes on most of its nights."""
    came: dict[int, set[str]] = {}
    for t, row in part.rows:
        came.setdefault(t, set()).add(row.key.part)
    every = [name for names in came.values() for name in names]
    usual = {name for name in every if 2 * every.count(name) > len(came)}
    nights = range(len(part.nights))
    return np.array([t in came and usual <= came[t] for t in nights], dtype=bool)


def _centres(
    nights: Sequence[str], site: str, labels: tuple[str, ...], records: Records
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over each team's agents, and how many, per night; NaN and 0 for none."""
    found = []
    for night in nights:
        if (site, night) in records:
            cells = records[site, night].align(labels).cells
            found.append((cells.mean(), cells.count.astype(np.float64)))
        else:
            d = next(r.groups.cells.d for (s, _), r in records.items() if s == site)
            shape = len(labels), d
            found.append((np.full(shape, np.nan), np.zeros(shape)))
    mean, n = zip(*found, strict=True)
    return np.stack(mean), np.stack(n)


def _runs(agents: NDArray[np.float64], most: int) -> Iterator[tuple[int, int]]:
    """Cut teams into runs of at most `most` agents, or of one team."""
    low, held = 0, 0.0
    for i, n in enumerate(agents):
        if i > low and held + n > most:
            yield low, i
            low, held = i, 0.0
        held += n
    if low < len(agents):
        yield low, len(agents)


def _pieces(
    part: PartRef,
) -> Iterator[tuple[int, ShardData, NDArray[np.int64]]]:
    """Every shard's agents of the part: night, data, team as position in labels."""
    store = part.handle.open()
    place = {label: i for i, label in enumerate(part.labels)}
    for t, row in part.rows:
        codes, names = read_teams(store.reader, row)
        lookup = np.array(
            [place.get(team_label(part.site, name), -1) for name in names],
            dtype=np.int64,
        )
        mine = np.flatnonzero(lookup[codes] >= 0)
        if mine.size:
            # Shards lie sorted by team, so neighbours among the labels are neighbours.
            block = slice(int(mine[0]), int(mine[-1]) + 1)
            data = store.read_block(row, block)
            yield t, data, lookup[data.team]


def _residual(
    part: PartRef, t: int, data: ShardData, group: NDArray[np.int64]
) -> NDArray[np.float64]:
    cells, _ = agent_means(part.transforms.apply(data.values))
    n = part.centre_n[t, group]
    enough = n >= MIN_ROWS
    shrink = np.sqrt(1.0 - 1.0 / np.where(enough, n, MIN_ROWS))
    moved = (cells - part.centre[t, group]) / shrink
    return np.where(enough & np.isfinite(moved), moved, np.nan)


def _unique(
    names: Sequence[NDArray[np.str_]],
) -> tuple[NDArray[np.str_], list[NDArray[np.int64]]]:
    """Sorted unique names, and for every array the positions of its names in them."""
    if not names:
        return np.zeros(0, dtype=np.str_), []
    joined = np.concatenate(names)
    codes, found = pd.factorize(joined.astype(object))
    order = np.argsort(found)
    rank = np.empty(len(found), dtype=np.int64)
    rank[order] = np.arange(len(found))
    edges = np.cumsum([len(part) for part in names])[:-1]
    return np.asarray(found[order], dtype=np.str_), np.split(rank[codes], edges)
