"""An agent's nights: its own rows, its team that night, its distance from the team."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stats.anomaly import WithinBaseline
from stats.calibration import TailCounts
from stats.intervals import mean_interval
from stats.moments import GroupMoments
from stats.shard_moments import agent_means
from storage.schema import ShardData, ShardRow
from storage.store import BehaviorStore
from tasks.baselines import Records
from tasks.blocks import NightReference, score_data, team_label
from tasks.history.record import FeatureNight, HistoryNight, Reference, known
from tasks.history.subject import Seat, Sighting
from tasks.schema_scale import schema_floors, schema_transforms
from tasks.scoring import MIN_NIGHTS, fit_site, night_reference, split_nights

__all__ = ["ChunkReader", "SeatNights", "SiteReference", "fit_reference", "read_seats"]

# Null scores below which a rank says too little to be called a p-value.
MIN_NULL = 100


@dataclass(slots=True)
class ChunkReader:
    """Reads single chunks of shards and keeps count of them."""

    store: BehaviorStore
    chunks: set[tuple[str, int]] = field(default_factory=set)

    def read(self, row: ShardRow, chunk: int) -> ShardData:
        """Read all agents of one chunk."""
        start = chunk * self.store.rows_per_chunk
        self.chunks.add((row.path, chunk))
        return self.store.read_block(
            row, slice(start, start + self.store.rows_per_chunk)
        )

    def agent(self, row: ShardRow, index: int) -> ShardData:
        """Read the chunk of one agent and keep that agent only."""
        chunk, place = divmod(index, self.store.rows_per_chunk)
        return self.read(row, chunk).take(np.array([place], dtype=np.int64))


@dataclass(frozen=True, slots=True)
class SiteReference:
    """What agents of a site are scored with: fitted once, before the range.

    `spread` is None with `reference.why_not` while there are too few nights.
    """

    site: str
    spread: tuple[tuple[str, ...], WithinBaseline] | None
    reference: Reference


@dataclass(slots=True)
class SeatNights:
    """The nights of one seat, also before the range, and the null scores beside it."""

    nights: dict[str, HistoryNight] = field(default_factory=dict)
    null: TailCounts = field(
        default_factory=lambda: TailCounts.from_block([], np.zeros(0, np.int64), 1)
    )

    def calibrated(self) -> tuple[dict[str, HistoryNight], int]:
        """Nights with p by rank among the null scores, and how many those are.

        Below `MIN_NULL` null scores no p is given.
        """
        size = int(self.null.size[0])
        if size < MIN_NULL:
            return dict(self.nights), size
        scores = [night.log_p for night in self.nights.values()]
        log_p = np.array([np.nan if x is None else x for x in scores])
        pool = np.zeros(len(log_p), dtype=np.int64)
        p, beyond = self.null.calibrate(log_p, pool), self.null.beyond(log_p, pool)
        return {
            night.night: replace(night, p=known(p[k]), extrapolated=bool(beyond[k]))
            for k, night in enumerate(self.nights.values())
        }, size


def fit_reference(
    store: BehaviorStore, site: str, before: Sequence[str], records: Records
) -> SiteReference:
    """Fit the spread within teams on the older half of the nights before the range.

    Parameters
    ----------
    store : BehaviorStore
    site : str
    before : sequence of str
        Nights before the range on which the site delivered, oldest first.
    records : mapping of (site, night) to named ShardMoments

    Returns
    -------
    SiteReference
        As the nightly run would fit it on the first night of the range; the newer
        half calibrates.  One yardstick for all nights of the range, so that they
        compare with each other and a slow drift cannot hide in it.
    """
    fit, calibrate, held_out = split_nights(before)
    null = tuple(sorted((*calibrate, *held_out)))
    spread = fit_site(site, fit, records, schema_floors(store.schema))
    why = ""
    if spread is None:
        why = f"{MIN_NIGHTS} nights before the range are needed, there are "
        why += f"{len(before)}"
    return SiteReference(site, spread, Reference(fit, null, 0, why))


def read_seats(
    reader: ChunkReader,
    rows: Sequence[ShardRow],
    sightings: Sequence[Sighting],
    site: SiteReference,
    records: Records,
    progress: Callable[[int], None],
) -> dict[Seat, SeatNights]:
    """Read the chunks of a site's shards that hold an agent, and score it.

    On null nights without it, the chunk where it would lie is read for its neighbours.

    Parameters
    ----------
    reader : ChunkReader
    rows : sequence of ShardRow
        Counted shards of the site, oldest first.
    sightings : sequence of Sighting
        Of this site, in the order of `rows`.
    site : SiteReference
    records : mapping of (site, night) to named ShardMoments
    progress : callable
        Told after each shard how many are done.

    Returns
    -------
    dict of Seat to SeatNights
        The null scores are those of the other agents in the chunks.
    """
    found = {s.seat: SeatNights() for s in sightings}
    held: dict[ShardRow, list[Sighting]] = {}
    for sighting in sightings:
        held.setdefault(sighting.row, []).append(sighting)
    for done, row in enumerate(rows, 1):
        here = held.get(row, [])
        reference = _reference(reader.store, site, row.key.night, records)
        is_null = row.key.night in site.reference.null_nights
        wanted = {s.seat: s.index for s in here}
        if is_null and reference is not None:
            for sighting in sightings:
                wanted.setdefault(sighting.seat, min(sighting.index, row.agents - 1))
        for chunk, seats in _by_chunk(wanted, reader.store.rows_per_chunk).items():
            data = reader.read(row, chunk)
            if is_null and reference is not None:
                null = _null(data, row, reference, found)
                for seat in seats:
                    found[seat].null = found[seat].null.merge(null)
            for sighting in here:
                if sighting.seat in seats:
                    place = sighting.index - chunk * reader.store.rows_per_chunk
                    one = data.take(np.array([place], dtype=np.int64))
                    _keep(found[sighting.seat], one, row, reference, records)
        progress(done)
    return found


def _by_chunk(wanted: Mapping[Seat, int], rows: int) -> dict[int, list[Seat]]:
    chunks: dict[int, list[Seat]] = {}
    for seat, index in sorted(wanted.items()):
        chunks.setdefault(index // rows, []).append(seat)
    return chunks


def _reference(
    store: BehaviorStore, site: SiteReference, night: str, records: Records
) -> NightReference | None:
    if site.spread is None:
        return None
    spread = {site.site: site.spread}
    transforms = schema_transforms(store.schema)
    return night_reference(site.site, night, records, spread, transforms)


def _null(
    data: ShardData,
    row: ShardRow,
    reference: NightReference,
    found: Mapping[Seat, SeatNights],
) -> TailCounts:
    """Scores of the other agents of a chunk on a null night."""
    scores = score_data(data, row.key.site, reference)
    own = np.isin(scores.entities, sorted({seat.entity for seat in found}))
    others = scores.log_p[~own]
    return TailCounts.from_block(others, np.zeros(len(others), dtype=np.int64), 1)


def _keep(
    seat: SeatNights,
    one: ShardData,
    row: ShardRow,
    reference: NightReference | None,
    records: Records,
) -> None:
    """Add what one agent did on one night."""
    night, site = row.key.night, row.key.site
    label = team_label(site, str(one.team_names[one.team[0]]))
    moments = GroupMoments.from_block(
        one.values, np.zeros(1, dtype=np.int64), 1, pairs=False
    )
    n, mean = moments.count[0], moments.mean()[0]
    lower, upper = mean_interval(n, mean, moments.variance()[0])
    team = records[site, night]
    k = team.labels.index(label)
    around = team.groups.rows.mean()[k]
    features = tuple(
        FeatureNight(
            n=int(n[j]),
            mean=known(mean[j]),
            lower=known(lower[j]),
            upper=known(upper[j]),
            around=known(around[j]),
        )
        for j in range(len(n))
    )
    rows = int(one.count.sum(dtype=np.int64))
    found = HistoryNight(night, "present", rows, 1, features)
    if reference is not None:
        found = _scored(found, one, site, reference, label)
    seat.nights[night] = found


def _scored(
    night: HistoryNight,
    one: ShardData,
    site: str,
    reference: NightReference,
    label: str,
) -> HistoryNight:
    """Add the distance from the team, by the method of the nightly scores."""
    scores = score_data(one, site, reference)
    k = reference.labels.index(label)
    cells, _ = agent_means(reference.transforms.apply(one.values))
    residual = cells[0] - reference.centre[k]
    spread = np.sqrt(np.diagonal(reference.baseline.covariance[k]))
    shrink = np.sqrt(1.0 - 1.0 / max(int(reference.centre_n[k]), 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = residual / (spread * shrink)
    shares = scores.contributions[0]
    features = tuple(
        replace(
            f,
            residual=known(residual[j]),
            steps=known(steps[j]),
            share=known(shares[j]),
        )
        for j, f in enumerate(night.features)
    )
    return replace(
        night,
        features=features,
        distance=known(scores.d2[0]),
        log_p=known(scores.log_p[0]),
    )
