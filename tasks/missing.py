"""What a night's means are worth while sites are silent, at every level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.missing_data import MissingDataInterval, missing_data_interval
from stats.missing_input import last_known
from storage.schema import Schema
from tasks.baselines import Baselines, Level, LevelNights
from tasks.reconcile import NightView

__all__ = ["LevelTonight", "estimate_night", "missing_on", "tonight"]

Floats = NDArray[np.float64]

# Nights of history that are replayed, in addition to the gap itself.
HISTORY = 90


@dataclass(frozen=True, slots=True)
class LevelTonight:
    """Tonight's means of one level, each (g, d), with what missing sites do to them.

    Attributes
    ----------
    estimate, lower, upper : float64 arrays
        Of a group that is here: its mean and 95 % interval.  Of a silent one: the last
        value, without an interval.  Of all: `stats.missing_data`.
    worst_lower, worst_upper : float64 arrays
        Whatever the silent part did within the declared range, infinite without one.
    arrived_mass : float64 array
        Share of the group's usual rows that is here.
    age : int64 array
        Nights since the newest value of its oldest silent part; 0 when all is here.
    flagged : bool array
        Too little history for the interval to be trusted.
    assumption : str
    """

    estimate: Floats
    lower: Floats
    upper: Floats
    worst_lower: Floats
    worst_upper: Floats
    arrived_mass: Floats
    age: NDArray[np.int64]
    flagged: NDArray[np.bool_]
    assumption: str


def missing_on(view: NightView, night: str) -> tuple[str, ...]:
    """Sites that had delivered before and did not that night; gone ones too."""
    return tuple(
        s.site
        for s in view.sites
        if not view.arrived(s.site, night) and (not s.rows or min(s.rows) <= night)
    )


def tonight(
    view: NightView, baselines: Baselines, schema: Schema
) -> dict[Level, LevelTonight]:
    """State tonight's means at every level.

    Parameters
    ----------
    view : NightView
    baselines : Baselines
    schema : Schema

    Returns
    -------
    dict of level to LevelTonight
    """
    ends = _declared(schema)
    levels: dict[Level, LevelTonight] = {
        name: _own(view, level, ends)
        for name, level in baselines.levels.items()
        if name != "all"
    }
    found = estimate_night(view, baselines, schema, len(view.nights) - 1)
    whole = _own(view, baselines.all, ends)
    levels["all"] = whole if found is None else _of_all(found)
    return levels


def estimate_night(
    view: NightView, baselines: Baselines, schema: Schema, at: int
) -> MissingDataInterval | None:
    """Estimate the means over all sites for one night of the window.

    Parameters
    ----------
    view : NightView
    baselines : Baselines
    schema : Schema
    at : int
        Place in ``view.nights``; nights before it are the history.

    Returns
    -------
    MissingDataInterval or None
        None when no site with a usual share was missing that night.

    Notes
    -----
    Sites that are here count with the rows they have, scaled to their usual share
    together; a silent one with its usual share.  So the arrived part is exactly the
    mean over arrived rows.
    """
    level, night = baselines.site, view.nights[at]
    silent = np.isin(level.labels, missing_on(view, night))
    share = np.array([site.share for site in view.sites])
    if not share[silent].any():
        return None
    rows = np.where(silent, 0, level.n[at].max(axis=1, initial=0)).astype(np.float64)
    here = share[rows > 0].sum()
    mass = np.where(silent, share, here * rows / max(rows.sum(), 1.0))
    _, ages = last_known(level.mean[:at].swapaxes(0, 1))
    oldest = int(ages[silent & (mass > 0)].max(initial=0))
    span = slice(max(0, at - HISTORY - oldest), at)
    error2, agents = _errors(level)
    past = error2[span]
    known = np.isfinite(past)
    usual = np.where(known, past, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    present = np.where(level.agents[span] > 0, agents[span], 0.0)
    usual_agents = present.sum(axis=0) / np.maximum((present > 0).sum(axis=0), 1)
    size = np.maximum(np.where(rows > 0, agents[at], np.rint(usual_agents)), 1.0)
    history = level.mean[span].swapaxes(0, 1)
    silence = np.where(silent, _newest(history), 0)
    return missing_data_interval(
        history,
        level.mean[at],
        mass,
        size.astype(np.int64),
        usual * size[:, None],
        silence,
        valid_range=_declared(schema),
        current_error2=np.where(np.isfinite(error2[at]), error2[at], usual),
    )


def _newest(history: Floats) -> NDArray[np.int64]:
    """Nights since anything of a site was seen, more than there are if nothing was."""
    _, age = last_known(history)
    seen = np.where(age > 0, age, history.shape[1] + 1)
    return np.asarray(seen.min(axis=1, initial=history.shape[1] + 1), np.int64)


def _errors(level: LevelNights) -> tuple[Floats, Floats]:
    """Squared standard error of every nightly mean, and the agents behind it."""
    agents = level.agents.astype(np.float64)
    spare = np.where(agents > 1, agents - 1.0, np.nan)[..., None]
    half = (level.upper - level.lower) / 2.0
    return (half / special.stdtrit(spare, 0.975)) ** 2, agents


def _declared(schema: Schema) -> tuple[Floats, Floats]:
    low = [-np.inf if f.minimum is None else f.minimum for f in schema.features]
    high = [np.inf if f.maximum is None else f.maximum for f in schema.features]
    return np.array(low, np.float64), np.array(high, np.float64)


def _own(
    view: NightView, level: LevelNights, ends: tuple[Floats, Floats]
) -> LevelTonight:
    """A group is here as a whole or not at all: a site delivers all of its teams."""
    sites = np.array([label.split("/", 1)[0] for label in level.labels])
    silent = np.isin(sites, view.missing_sites)[:, None] & np.ones(
        level.mean.shape[2], np.bool_
    )
    last, age = last_known(level.mean.swapaxes(0, 1))
    mean, lower, upper = level.mean[-1], level.lower[-1], level.upper[-1]
    worst = np.broadcast_to(ends[0], mean.shape), np.broadcast_to(ends[1], mean.shape)
    return LevelTonight(
        estimate=np.where(silent, last, mean),
        lower=np.where(silent, np.nan, lower),
        upper=np.where(silent, np.nan, upper),
        worst_lower=np.where(silent, worst[0], lower),
        worst_upper=np.where(silent, worst[1], upper),
        arrived_mass=np.where(silent, 0.0, 1.0),
        age=np.where(age > 0, age - 1, age),
        flagged=np.zeros(mean.shape, np.bool_),
        assumption="silent groups keep their last value, without an interval",
    )


def _of_all(found: MissingDataInterval) -> LevelTonight:
    parts: Mapping[str, NDArray[np.float64]] = {
        name: getattr(found, name)[None]
        for name in (
            "estimate", "lower", "upper", "worst_lower", "worst_upper", "arrived_mass",
        )
    }  # fmt: skip
    return LevelTonight(
        **parts,
        age=found.age.max(axis=0)[None],
        flagged=found.flagged[None],
        assumption=found.assumption,
    )
