"""Which agents stand out tonight, each against its own team on the same night.

A reported p-value is never the bare F law: real behaviour has heavy tails.  The fleet
is recalibrated on nights before tonight that the fit has not seen, and the
false-discovery rate is controlled over the family of entities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from stats.anomaly import (
    WithinBaseline,
    control_false_discovery,
    pooled_within,
    q_values,
    simes,
)
from stats.calibration import TailCounts
from stats.labelled import Labelled
from stats.shard_moments import ShardMoments
from stats.transforms import Transforms
from storage.store import BehaviorStore
from tasks.baselines import Records
from tasks.blocks import (
    AgentScores,
    BlockRef,
    NightReference,
    block_refs,
    null_tail,
    score_agents,
)
from tasks.reconcile import NightView
from tasks.reduce import tree_reduce
from tasks.schema_scale import schema_floors, schema_transforms

__all__ = [
    "MIN_NIGHTS",
    "AgentFamily",
    "AgentReference",
    "fit_agents",
    "fit_site",
    "night_reference",
    "score_night",
    "split_nights",
]

# Nights needed before agents are scored: half to fit the spread, half to calibrate.
MIN_NIGHTS = 14


@dataclass(frozen=True, slots=True)
class AgentReference:
    """What agents are scored with: spread per site and the pooled null tail.

    Attributes
    ----------
    spread : dict of site to (labels, WithinBaseline)
    null : TailCounts
        One pool over the fleet, from calibration nights.
    held_out : TailCounts
        The same from nights that neither fit nor calibration has seen.
    fit_nights, null_nights, held_out_nights : tuple of str
    """

    spread: dict[str, tuple[tuple[str, ...], WithinBaseline]]
    null: TailCounts
    held_out: TailCounts
    fit_nights: tuple[str, ...]
    null_nights: tuple[str, ...]
    held_out_nights: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgentFamily:
    """Agents tonight, one row each, and the family of entities that is tested.

    Attributes
    ----------
    scores : AgentScores
    p : float64 array, shape (agents,)
        Calibrated; NaN where not tested.
    extrapolated : bool array, shape (agents,)
        More extreme than every null night: p is an upper bound.
    entities : str array, shape (m,)
        Sorted unique entities that were tested.
    entity_p, entity_q : float64 arrays, shape (m,)
        Simes over the entity's agents, then adjusted for false discovery.
    found : bool array, shape (m,)
    level : float
        The false-discovery rate.
    null_size : int
    """

    scores: AgentScores
    p: NDArray[np.float64]
    extrapolated: NDArray[np.bool_]
    entities: NDArray[np.str_]
    entity_p: NDArray[np.float64]
    entity_q: NDArray[np.float64]
    found: NDArray[np.bool_]
    level: float
    null_size: int


def split_nights(
    nights: Sequence[str],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Split the nights before tonight: older half to fit, the rest by turns.

    Returns
    -------
    fit, calibrate, held_out
        Every third night of the newer half is held out; all empty below `MIN_NIGHTS`.
    """
    if len(nights) < MIN_NIGHTS:
        return (), (), ()
    half = len(nights) // 2
    fit, rest = tuple(nights[:half]), nights[half:]
    held = tuple(rest[2::3])
    return fit, tuple(n for n in rest if n not in held), held


def fit_agents(
    store: BehaviorStore,
    view: NightView,
    records: Records,
    *,
    client: Client | None = None,
    rows_per_block: int | None = None,
) -> AgentReference | None:
    """Fit the spread within teams and collect the null tail from later nights.

    Returns
    -------
    AgentReference or None
        None while fewer than `MIN_NIGHTS` nights have arrived.
    """
    arrived = {night for _, night in records}
    nights = [n for n in view.nights[:-1] if n in arrived]
    fit, calibrate, held_out = split_nights(nights)
    if not fit:
        return None
    floors = schema_floors(store.schema)
    spread = {
        site.site: found
        for site in view.sites
        for found in [fit_site(site.site, fit, records, floors)]
        if found is not None
    }
    transforms = schema_transforms(store.schema)

    def tail(chosen: Sequence[str]) -> TailCounts:
        blocks = [
            (ref, reference)
            for night in chosen
            for row in view.rows_of(night)
            if row.key.site in spread
            for reference in [
                night_reference(row.key.site, night, records, spread, transforms)
            ]
            for ref in block_refs(store, row, rows_per_block)
        ]
        if not blocks:
            return TailCounts.from_block([], [], 1)
        return tree_reduce(blocks, _null_tail, client=client)

    null, held = tail(calibrate), tail(held_out)
    return AgentReference(spread, null, held, fit, calibrate, held_out)


def _null_tail(block: tuple[BlockRef, NightReference]) -> TailCounts:
    return null_tail(*block)


def fit_site(
    site: str,
    nights: Sequence[str],
    records: Records,
    floors: NDArray[np.float64],
) -> tuple[tuple[str, ...], WithinBaseline] | None:
    """Pool the spread within the teams of a site; None without any of the nights."""
    found = [records[site, n] for n in nights if (site, n) in records]
    if not found:
        return None
    labels = tuple(sorted({label for record in found for label in record.labels}))
    cells = [record.align(labels).cells for record in found]
    return labels, pooled_within(cells, floors=floors)


def night_reference(
    site: str,
    night: str,
    records: Records,
    spread: dict[str, tuple[tuple[str, ...], WithinBaseline]],
    transforms: Transforms,
) -> NightReference:
    """Return what the agents of a site are compared with on one night.

    Teams that the fit has not seen get zero degrees of freedom: not testable.
    """
    record: Labelled[ShardMoments] = records[site, night]
    known, baseline = spread[site]
    place = {label: i for i, label in enumerate(known)}
    index = np.array([place.get(x, -1) for x in record.labels], dtype=np.int64)
    seen = index >= 0
    taken = replace(
        baseline,
        covariance=np.where(seen[:, None, None], baseline.covariance[index], np.nan),
        dof=np.where(seen, baseline.dof[index], 0),
        floored=baseline.floored[index] & seen[:, None],
        condition=np.where(seen, baseline.condition[index], np.nan),
    )
    cells = record.groups.cells
    count = cells.count.max(axis=1, initial=0)
    return NightReference(record.labels, cells.mean(), count, taken, transforms)


def score_night(
    store: BehaviorStore,
    view: NightView,
    records: Records,
    reference: AgentReference,
    *,
    q: float = 0.05,
    client: Client | None = None,
    rows_per_block: int | None = None,
) -> AgentFamily:
    """Score every agent of tonight and control false discoveries over entities."""
    transforms = schema_transforms(store.schema)
    blocks = [
        (
            ref,
            night_reference(
                row.key.site, view.night, records, reference.spread, transforms
            ),
        )
        for row in view.rows_of(view.night)
        if row.key.site in reference.spread
        for ref in block_refs(store, row, rows_per_block)
    ]
    if client is None:
        parts = [score_agents(ref, night) for ref, night in blocks]
    else:
        futures = client.map(_score, blocks, pure=False)
        parts = client.gather(futures)
    null = reference.null.merge(reference.held_out)
    return agent_family(_concatenate(parts, len(transforms.kinds)), null, q=q)


def _score(block: tuple[BlockRef, NightReference]) -> AgentScores:
    return score_agents(*block)


def agent_family(scores: AgentScores, null: TailCounts, *, q: float) -> AgentFamily:
    """Calibrate the scores and test the family of entities."""
    pool = np.zeros(len(scores.log_p), dtype=np.int64)
    p = null.calibrate(scores.log_p, pool)
    tested = ~np.isnan(p)
    entities, codes = np.unique(scores.entities[tested], return_inverse=True)
    entity_p = simes(p[tested], codes.astype(np.int64), len(entities))
    return AgentFamily(
        scores=scores,
        p=p,
        extrapolated=null.beyond(scores.log_p, pool),
        entities=entities,
        entity_p=entity_p,
        entity_q=q_values(entity_p),
        found=control_false_discovery(entity_p, q),
        level=q,
        null_size=int(null.size.sum()),
    )


def _concatenate(parts: Sequence[AgentScores], d: int) -> AgentScores:
    """Join blocks and put agents into one order, whatever finished first."""
    if not parts:
        none, names = np.zeros(0), np.zeros(0, dtype=np.str_)
        ints, wide = np.zeros(0, dtype=np.int64), np.zeros((0, d))
        return AgentScores(names, names, names, ints, none, none, wide, ints, wide)
    fields = AgentScores.__dataclass_fields__
    joined = {f: np.concatenate([getattr(part, f) for part in parts]) for f in fields}
    order = np.lexsort((joined["agents"], joined["teams"]))
    return AgentScores(**{f: values[order] for f, values in joined.items()})
