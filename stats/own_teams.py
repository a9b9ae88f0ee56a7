"""Fit whole teams: what their agents share, and each agent's own centre and scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.distance import condition
from stats.independence import apart_law
from stats.masked_whitening import whiten_rows
from stats.own_fit import (
    mean_variance,
    serial_correlation,
    shrink_centres,
    shrink_scales,
    tail_weight,
    team_location,
)
from stats.own_robust import outlying_nights
from stats.shrinkage import correlation_scale, oas
from stats.within import DOF_PER_FEATURE

__all__ = ["AGENT_FIELDS", "TEAM_FIELDS", "fit_teams"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

AGENT_FIELDS = ("centre", "scale", "uncertainty", "dof", "nights_seen")
TEAM_FIELDS = (
    "location",
    "correlation",
    "root",
    "tail",
    "apart",
    "usable",
    "constant",
    "share",
    "decay",
    "tested",
)


def fit_teams(
    x: Floats, starts: Ints, group: Ints, fit: int, floors: Floats, *, robust: bool
) -> dict[str, NDArray[Any]]:
    """Fit teams on their first nights.

    Parameters
    ----------
    x : float64 array, shape (m, T, d)
        Residuals of whole teams, sorted by team; NaN is missing.
    starts, group : int64 arrays, shapes (g,) and (m,)
        First agent of each team, and the team of each agent.
    fit : int
    floors : float64 array, shape (d,)
    robust : bool

    Returns
    -------
    dict of str to array
        By the names of `stats.own.OwnBaseline`, along agents (AGENT_FIELDS) or teams
        (TEAM_FIELDS).
    """
    past = x[:, :fit]
    width = _spread(past, starts)
    varies = np.where(width > floors, width, 0.0)
    location = team_location(x, starts, group, varies)
    past = past - location[group, :fit]
    if robust:
        past = np.where(outlying_nights(past, starts, varies)[..., None], np.nan, past)
    found = _own(past, starts, group, floors, robust=robust)
    return {"location": location, **found}


def _spread(past: Floats, starts: Ints) -> Floats:
    """Root mean square of a team's residuals, shape (g, d)."""
    seen = np.isfinite(past)
    square = np.where(seen, past**2, 0.0).sum(axis=1)
    count = np.add.reduceat(seen.sum(axis=1), starts, axis=0)
    found: Floats = np.sqrt(
        np.add.reduceat(square, starts, axis=0) / np.maximum(count, 1)
    )
    return found


def _own(
    past: Floats, starts: Ints, group: Ints, floors: Floats, *, robust: bool
) -> dict[str, NDArray[Any]]:
    n = np.isfinite(past).sum(axis=1).astype(np.float64)
    mean = np.where(n > 0, np.nansum(past, axis=1) / np.maximum(n, 1.0), 0.0)
    gap = past - mean[:, None]
    scatter = np.nansum(gap**2, axis=1)
    free = np.add.reduceat(np.maximum(n - 1.0, 0.0), starts, axis=0)
    first = np.sqrt(np.add.reduceat(scatter, starts, axis=0) / np.maximum(free, 1.0))
    constant = (first <= floors) & (free > 0)
    usable = ~constant & (free >= 1) & (first > 0)
    unit = np.where(usable, first, np.nan)[group]
    size = np.add.reduceat(n.max(axis=1, initial=0.0), starts)
    agents = np.diff(np.append(starts, len(past)))
    share, decay = serial_correlation(gap / unit[:, None], starts, size / agents)
    lost = mean_variance(n, share[group][:, None], decay[group][:, None])
    weight = np.where(n > 1, n * np.maximum(1.0 - lost, 1e-3), 0.0)
    variance, _, dof = shrink_scales(scatter, weight, n, starts, group)
    variance = np.where(usable[group], variance, np.nan)
    scale = np.sqrt(variance)
    z = gap / scale[:, None]
    correlation, least = _correlation(z, starts, agents, usable)
    lost = lost.mean(axis=1, keepdims=True)
    centre, doubt = _centres(
        mean, scale, n, lost, correlation, usable, starts, group, robust=robust
    )
    return {
        "centre": centre,
        "scale": scale,
        "uncertainty": doubt,
        "dof": dof,
        "nights_seen": n.astype(np.int64),
        "correlation": correlation,
        "usable": usable,
        "constant": constant,
        **_laws(z, group, correlation, usable, starts, size / agents),
        "tested": (least >= DOF_PER_FEATURE * usable.sum(axis=1)) & usable.any(axis=1),
    }


def _laws(
    z: Floats,
    group: Ints,
    correlation: Floats,
    usable: Bools,
    starts: Ints,
    nights: Floats,
) -> dict[str, NDArray[Any]]:
    """Tails, memory and the law of the correlation statistic, from whitened nights."""
    root, log_det = _root(correlation)
    white = whiten_rows(z, group, correlation, usable)
    length = np.einsum("mtd,mtd->mt", white.rows, white.rows)
    tail = tail_weight(length, white.features, starts)
    known = np.where(white.features[..., None] > 0, white.rows, np.nan)
    share, decay = serial_correlation(known, starts, nights)
    apart = apart_law(root, usable, log_det, tail)
    return {"root": root, "tail": tail, "apart": apart, "share": share, "decay": decay}


def _correlation(
    z: Floats, starts: Ints, agents: Ints, usable: Bools
) -> tuple[Floats, Floats]:
    """Correlations of a team's agents about their own means, and their dof."""
    seen = np.isfinite(z)
    filled = np.where(seen, z, 0.0)
    there = seen.astype(np.float64)
    product = np.add.reduceat(np.matmul(filled.swapaxes(1, 2), filled), starts, axis=0)
    pairs = np.add.reduceat(np.matmul(there.swapaxes(1, 2), there), starts, axis=0)
    dof = np.maximum(pairs - agents[:, None, None], 0.0)
    both = usable[:, :, None] & usable[:, None, :]
    least = np.where(both, dof, np.inf).min(axis=(1, 2))
    least = np.where(np.isfinite(least), least, 0.0)
    raw = np.where(both, product / np.maximum(dof, 1.0), 0.0)
    shrunk, _ = oas(raw, np.maximum(least, 1.0))
    d = usable.shape[1]
    shrunk = np.where(both, shrunk, 0.0) + np.eye(d) * ~usable[:, None, :]
    fixed = condition(shrunk, np.zeros(d), dof=np.maximum(least, 1.0))
    return correlation_scale(fixed.covariance)[1], least


def _root(correlation: Floats) -> tuple[Floats, Floats]:
    """R^(1/2) and log |R|."""
    values, vectors = np.linalg.eigh(correlation)
    root = np.einsum("gij,gj,gkj->gik", vectors, np.sqrt(values), vectors)
    return root, np.log(values).sum(axis=1)


def _centres(
    mean: Floats,
    scale: Floats,
    n: Floats,
    lost: Floats,
    correlation: Floats,
    usable: Bools,
    starts: Ints,
    group: Ints,
    *,
    robust: bool,
) -> tuple[Floats, Floats]:
    """Shrink centres along the team's eigenvectors; uncertainty in units of scale².

    Along a weak direction nights hardly scatter: there an agent's own centre is known,
    however little of it a single feature knows.
    """
    values, vectors = np.linalg.eigh(correlation)
    takes = usable[group]
    width = np.where(takes, scale, 1.0)
    along = np.matmul(np.where(takes, mean / width, 0.0)[:, None], vectors[group])[:, 0]
    fewest = np.where(takes, n, np.inf).min(axis=1)
    nights = np.where(np.isfinite(fewest), fewest, 0.0)[:, None]
    nights = np.broadcast_to(nights, n.shape)
    error = values[group] * lost
    found, doubt = shrink_centres(along, error, nights, starts, group, robust=robust)
    back = np.matmul(vectors[group], found[..., None])[..., 0] * width
    spread = np.matmul(vectors[group] ** 2, doubt[..., None])[..., 0]
    return np.where(takes, back, mean), np.where(takes, spread, np.nan)
