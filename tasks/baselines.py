"""Baselines at every level, and each night's figures, from the shards' summaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stats.hierarchy import Hierarchy
from stats.intervals import clustered_mean_interval, usual_range
from stats.labelled import Labelled
from stats.moments import GroupMoments
from stats.quantiles import GroupQuantiles
from stats.shard_moments import ShardMoments
from stats.summary import merge_all
from tasks.drift import LevelDrift, level_drift
from tasks.level_baseline import LevelBaseline, level_baseline
from tasks.reconcile import NightView
from tasks.rollup import ALL, WindowLevels

__all__ = ["Baselines", "Level", "LevelNights", "compute_baselines"]

Level = Literal["team", "site", "all"]
LEVELS: tuple[Level, ...] = ("team", "site", "all")
Records = Mapping[tuple[str, str], Labelled[ShardMoments]]


@dataclass(frozen=True, slots=True)
class LevelNights:
    """One level: every night of the window, tonight last, and the window as a whole.

    Attributes
    ----------
    labels : tuple of str, length g
    n : int64 array, shape (nights, g, d)
        Rows per feature.
    agents : int64 array, shape (nights, g)
        Agents with at least one observed feature.
    mean, lower, upper : float64 arrays, shape (nights, g, d)
        Raw features; the 95 % interval treats agents as clusters.
    cells : float64 array, shape (nights, g, d)
        Mean over agents of their transformed means.
    usual_lower, usual_median, usual_upper : float64 arrays, shape (g, d)
        Middle 95 % of the nightly means before tonight; NaN below 14 nights.  At level
        all only nights on which every site arrived count.
    window : GroupMoments, (g, d)
        Rows of all nights before tonight, exact.
    window_mean, window_lower, window_upper : float64 arrays, shape (g, d)
        Mean of the window; the 95 % interval treats nights as clusters.
    tonight : ShardMoments, (g, d)
    bins : GroupQuantiles, (g, d), or None
        Counts per bin of all rows before tonight, exact.
    baseline : LevelBaseline
        What the window says beyond its mean.
    drift : LevelDrift or None
        Drift and season; None for fewer than 14 nights.
    """

    labels: tuple[str, ...]
    n: NDArray[np.int64]
    agents: NDArray[np.int64]
    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    cells: NDArray[np.float64]
    usual_lower: NDArray[np.float64]
    usual_median: NDArray[np.float64]
    usual_upper: NDArray[np.float64]
    window: GroupMoments
    window_mean: NDArray[np.float64]
    window_lower: NDArray[np.float64]
    window_upper: NDArray[np.float64]
    tonight: ShardMoments
    bins: GroupQuantiles | None
    baseline: LevelBaseline
    drift: LevelDrift | None

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Where tonight's whole interval lies outside the usual range, (g, d)."""
        with np.errstate(invalid="ignore"):
            above = self.lower[-1] > self.usual_upper
            below = self.upper[-1] < self.usual_lower
        found: NDArray[np.bool_] = above | below
        return found


@dataclass(frozen=True, slots=True)
class Baselines:
    """All levels of one view.

    Attributes
    ----------
    nights : tuple of str
        Window, tonight last: the leading axis of every level's arrays.
    hierarchy : Hierarchy
        team, site, all.
    team, site, all : LevelNights
    """

    nights: tuple[str, ...]
    hierarchy: Hierarchy
    levels: dict[Level, LevelNights]

    @property
    def team(self) -> LevelNights:
        """Teams, labelled ``site/team``."""
        return self.levels["team"]

    @property
    def site(self) -> LevelNights:
        """Sites."""
        return self.levels["site"]

    @property
    def all(self) -> LevelNights:
        """Everything, one group."""
        return self.levels["all"]


def compute_baselines(
    view: NightView,
    records: Records,
    *,
    quantiles: Labelled[GroupQuantiles] | None = None,
    origins: tuple[float, ...] = (),
    window: WindowLevels | None = None,
) -> Baselines:
    """Align the shards' summaries by team and roll them up to every level.

    Parameters
    ----------
    view : NightView
    records : mapping of (site, night) to named ShardMoments
        One entry per place in ``view.winners``, parts already merged.
    quantiles : Labelled[GroupQuantiles], optional
        Counts per bin of all nights before tonight.
    origins : tuple of float
        What was taken off each feature before it was counted.
    window : WindowLevels, optional
        All nights before tonight rolled up already; `quantiles` are not needed then.

    Returns
    -------
    Baselines

    Raises
    ------
    stats.summary.NotEnoughData
        When nothing at all arrived for the night and its window.
    """
    labels = tuple(sorted({label for r in records.values() for label in r.labels}))
    sites = tuple(s.site for s in view.sites)
    place = {site: i for i, site in enumerate(sites)}
    team_to_site = np.array([place[x.split("/", 1)[0]] for x in labels], dtype=np.int64)
    hierarchy = Hierarchy(LEVELS, (team_to_site, np.zeros(len(sites), dtype=np.int64)))
    some = next(iter(records.values())).groups
    nothing = some.rollup(np.full(some.n_groups, -1, dtype=np.int64), len(labels))
    names: dict[Level, tuple[str, ...]] = {"team": labels, "site": sites, "all": (ALL,)}
    rolled = {} if window is None else {x: window.at(x, names[x]) for x in LEVELS}
    stacks = {
        level: _Stack(names[level], rolled[level].rows if rolled else None)
        for level in LEVELS
    }
    for night in view.nights:
        aligned = [
            records[site, night].align(labels)
            for site in sites
            if (site, night) in records
        ]
        team = merge_all([nothing, *aligned])
        for level in LEVELS:
            stacks[level].add(hierarchy.rollup(team, to=level))
    complete = np.array([view.complete(night) for night in view.nights[:-1]])
    bins = None if quantiles is None else quantiles.align(labels)
    levels = {}
    for level, stack in stacks.items():
        counted = None if bins is None else hierarchy.rollup(bins, to=level)
        levels[level] = stack.close(
            complete if level == ALL else None,
            rolled[level].bins if rolled else counted,
            origins,
            view.nights,
        )
    return Baselines(view.nights, hierarchy, levels)


class _Stack:
    """Collects one level night by night; holds figures, not states."""

    def __init__(
        self, labels: tuple[str, ...], window: GroupMoments | None = None
    ) -> None:
        self.labels = labels
        self._rows: list[tuple[NDArray[Any], ...]] = []
        self._rolled = window is not None
        self._window = window
        self._tonight: ShardMoments | None = None

    def add(self, night: ShardMoments) -> None:
        """Append a night; the one before it joins a window that was not given."""
        if self._tonight is not None and not self._rolled:
            rows = self._tonight.rows
            window = self._window
            self._window = rows if window is None else window.merge(rows)
        self._tonight = night
        agents = night.cells.count.max(axis=1, initial=0)
        spread = night.rows.covariance(), night.cells.variance()
        means = *night.mean_interval(), night.cells.mean()
        self._rows.append((night.rows.count, agents, *means, *spread))

    def close(
        self,
        complete: NDArray[np.bool_] | None,
        bins: GroupQuantiles | None,
        origins: tuple[float, ...],
        nights: tuple[str, ...],
    ) -> LevelNights:
        """Derive the window's figures; `complete` masks nights for the usual range."""
        if self._tonight is None:  # pragma: no cover - view.nights is never empty
            raise AssertionError
        n, agents, mean, lower, upper, cells, covariance, variance = (
            np.stack(part) for part in zip(*self._rows, strict=True)
        )
        past = mean[:-1]
        counted = past if complete is None else past[complete]
        usual = (
            usual_range(counted)
            if len(counted)
            else (np.full(mean.shape[1:], np.nan),) * 3
        )
        window = (
            self._window if self._window is not None else self._tonight.rows.empty()
        )
        whole = _window_interval(n[:-1], past)
        baseline = level_baseline(
            window, n[:-1], past, covariance[:-1], whole[1:], bins, origins
        )
        return LevelNights(
            labels=self.labels,
            n=n.astype(np.int64),
            agents=agents.astype(np.int64),
            mean=mean,
            lower=lower,
            upper=upper,
            cells=cells,
            usual_lower=usual[0],
            usual_median=usual[1],
            usual_upper=usual[2],
            window=window,
            window_mean=whole[0],
            window_lower=whole[1],
            window_upper=whole[2],
            tonight=self._tonight,
            bins=bins,
            baseline=baseline,
            drift=level_drift(nights, cells, variance),
        )


def _window_interval(
    n: NDArray[np.int64], mean: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean over all rows of the window; nights are the clusters."""
    nights, g, d = n.shape
    groups = np.tile(np.arange(g), nights)
    found = np.full((3, g, d), np.nan)
    for j in range(d):
        total = np.where(n[..., j] > 0, n[..., j] * mean[..., j], 0.0)
        seen = n[..., j].ravel() > 0
        found[:, :, j] = clustered_mean_interval(
            n[..., j].ravel()[seen], total.ravel()[seen], groups[seen], g
        )
    return found[0], found[1], found[2]
