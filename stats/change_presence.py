"""Changes that show in no value: agents that fall silent, constants that move."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.change_kinds import KindScores
from stats.own import OwnBaseline
from stats.own_fit import team_median

__all__ = ["moved_constants", "silence"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Nights that the prior of an agent's presence counts as.
_PRIOR_NIGHTS = 10.0
# A constant feature moved when it is this many floors away.
_MOVED = 5.0


def silence(own: OwnBaseline, rows: Ints, at: int) -> KindScores:
    """Nights in a row without the agent, up to night `at`, under its own rate.

    Notes
    -----
    Presence on the fit nights with a prior of 10 nights at the team's rate gives
    Beta(α, β); a run of L absent nights has probability Π (β + j) / (α + β + j).
    Nights on which nobody of the team was there say nothing about an agent.
    """
    d = own.residual.shape[2]
    here = own.present[rows, : at + 1]
    team = own.team[rows]
    nobody = np.ones((len(own.tested), at + 1), dtype=bool)
    np.logical_and.at(nobody, team, ~here)
    counted = ~nobody[team]
    past = counted[:, : own.fit]
    n, k = past.sum(axis=1), (here[:, : own.fit] & past).sum(axis=1)
    rate = np.bincount(team, k, len(nobody)) / np.maximum(
        np.bincount(team, n, len(nobody)), 1
    )
    alpha = k + _PRIOR_NIGHTS * np.clip(rate[team], 0.01, 0.99)
    beta = n - k + _PRIOR_NIGHTS * np.clip(1.0 - rate[team], 0.01, 0.99)
    new = counted & (np.arange(at + 1) >= own.fit)
    log_p, run = np.zeros(len(rows)), np.zeros(len(rows))
    going, length = np.ones(len(rows), bool), np.zeros(len(rows), np.int64)
    for t in range(at, own.fit - 1, -1):
        going &= ~here[:, t]
        hit = going & new[:, t]
        step = np.log((beta + run) / (alpha + beta + run))
        log_p += np.where(hit, step, 0.0)
        run += hit
        length = np.where(hit, at - t + 1, length)
    log_p = np.where(k > 0, log_p, np.nan)
    none = np.full(len(rows), np.nan)
    return KindScores(log_p, run, length, np.zeros((len(rows), d)), none)


def moved_constants(own: OwnBaseline, rows: Ints, nights: slice) -> Bools:
    """Features without any variance in the team in which an agent moved, (m, d).

    The latest night on which the agent was seen counts.  Measured from the agent's
    own value, after what moved all of the team alike (their median) is taken off: one
    agent that moves, or stays away, moves the mean that all are compared with.
    """
    team = own.team[rows]
    constant = own.constant[team]
    out = np.zeros(constant.shape, dtype=bool)
    some = np.flatnonzero(constant.any(axis=1))
    if not some.size:
        return out
    gap = np.abs(_beside_team(own, rows[some], nights))
    known = (own.nights_seen[rows[some]] > 0) & constant[some]
    far = (gap > _MOVED * own.floors) & known[:, None]
    seen = np.isfinite(gap)
    last = seen.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    latest = np.take_along_axis(far, last[:, None], axis=1)[:, 0]
    out[some] = latest & seen.any(axis=1)
    return out


def _beside_team(own: OwnBaseline, rows: Ints, nights: slice) -> Floats:
    """Distance from the own centre less the team's median of it, (m, k, d)."""
    values = own.residual[rows, nights].astype(np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    values -= own.centre[rows][:, None]
    for team in np.unique(own.team[rows]):
        mine = own.team[rows] == team
        values[mine] -= team_median(values[mine])
    return values
