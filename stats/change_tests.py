"""One statistic per kind of change, for a block of agents as of one night."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.change_templates import (
    Matches,
    Templates,
    log_normal_tail,
    match,
    normal_score,
    serial_matrix,
)
from stats.masked_whitening import Whitened
from stats.own import OwnBaseline
from stats.tails import log_f_tail

__all__ = ["TESTED", "KindScores", "moved_constants", "score_block", "silence"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Kinds with a law, in the order of the columns of every array of scores.
TESTED = (
    "mean shift",
    "variance inflation",
    "correlation break",
    "slow drift",
    "silence",
)
# Fewest nights behind a statement about scatter or correlation.
_LEAST = 3
# Normal score from which a change of the mean is subtracted.
_CLEAR = 3.0
# Nights that the prior of an agent's presence counts as.
_PRIOR_NIGHTS = 10.0
# Factors of the variance that compete with a break of correlation.
_FACTORS = (2.0, 4.0, 8.0, 16.0)
# A constant feature moved when it is this many floors away.
_MOVED = 5.0
# Nights behind the null law of the correlation statistic, and their seed.
_DRAWS, _SEED = 512, 0


@dataclass(frozen=True, slots=True, eq=False)
class KindScores:
    """Scores of a block of agents for one kind.

    Attributes
    ----------
    log_p : float64 array, shape (m,)
        Natural logarithm of a parametric p: orders agents, before calibration.
    size : float64 array, shape (m,)
    length : int64 array, shape (m,)
        Nights since it began, in the fit of the kind.
    parts : float64 array, shape (m, d)
        What each feature adds, >= 0.
    gain : float64 array, shape (m,)
        Twice the log-likelihood gained, to tell kinds apart that share evidence: steps
        and ramps as normal nights, scatter and correlation as t nights about these.
        NaN for silence.
    """

    log_p: Floats
    size: Floats
    length: Ints
    parts: Floats
    gain: Floats


def score_block(
    own: OwnBaseline, rows: Ints, white: Whitened, seen: Bools, shapes: Templates
) -> tuple[KindScores, ...]:
    """Score the kinds that show in values: all of TESTED but silence.

    Parameters
    ----------
    own : OwnBaseline
    rows : int64 array, shape (m,)
    white : Whitened
        Of the last D nights as of the night of the test.
    seen : bool array, shape (m, D, d)
    shapes : Templates

    Notes
    -----
    Scatter and correlation are measured about the best-fitting step or ramp where that
    is clear, so that a change of the mean does not pass for one of these.
    """
    teams, local = np.unique(own.team[rows], return_inverse=True)
    team = own.team[rows]
    serial = serial_matrix(seen.shape[1], own.share[teams], own.decay[teams])[local]
    v = np.where(own.usable[team], own.uncertainty[rows], np.nan)
    doubt = np.where(np.isfinite(v), v / (1.0 + v), 0.0).sum(axis=1)
    doubt /= np.maximum(np.isfinite(v).sum(axis=1), 1)
    found = match(white.rows, seen, shapes, serial, doubt)
    steps, ramps = slice(0, shapes.steps), slice(shapes.steps, None)
    shift = _best(found, shapes, steps, own.dof[rows])
    drift = _best(found, shapes, ramps, own.dof[rows])
    left, kept = _without_best(white.rows, seen, found, shapes)
    near = slice(-shapes.steps, None)
    left, kept, here = left[:, near], kept[:, near], seen[:, near]
    tail = shapes.tail
    root, mean, sd = _team_laws(own.correlation[teams], own.usable[teams], tail)
    z = np.where(here, np.matmul(left, root[local]), 0.0)
    scatter = _scatter(left, z, here, kept, tail)
    law = mean[local], sd[local]
    log_det = white.log_determinant[:, near]
    broken = _broken(law, left, z, here, kept, log_det, tail)
    return shift, scatter, broken, drift


def _best(found: Matches, shapes: Templates, which: slice, dof: Floats) -> KindScores:
    """Choose the template of a kind that fits an agent best."""
    score = found.score[:, which]
    m = len(score)
    none = np.full(m, np.nan)
    if score.shape[1] == 0:
        d = found.sums.shape[2]
        return KindScores(none, none, np.zeros(m, np.int64), np.zeros((m, d)), none)
    at = score.argmax(axis=1) + (which.start or 0)
    pick = np.arange(m), at
    p = found.features[pick].astype(np.float64)
    law = 1.0 / (1.0 / shapes.dof[at] + 1.0 / np.maximum(dof, 1.0))
    log_p = log_f_tail(found.f[pick], p, law)
    mass = np.where(found.mass[pick] > 0, found.mass[pick], np.nan)
    size = np.sqrt((found.sums[pick] ** 2).sum(axis=1)) / mass
    return KindScores(
        log_p,
        size,
        shapes.lengths[at],
        found.parts[pick],
        found.gain[:, which].max(axis=1),
    )


def _without_best(
    y: Floats, seen: Bools, found: Matches, shapes: Templates
) -> tuple[Floats, Bools]:
    """Subtract the best template if it is clear; nights that it fits alone are out."""
    at = found.score.argmax(axis=1)
    pick = np.arange(len(at)), at
    mass = np.where(found.mass[pick] > 0, found.mass[pick], 1.0)
    change = found.sums[pick] / mass[:, None]
    clear = found.score[pick] > _CLEAR
    s = np.where(clear[:, None], shapes.weights[at], 0.0)
    rest = 1.0 - s**2 / mass[:, None]
    kept = seen.any(axis=2) & (rest > 0.05)
    scale = 1.0 / np.sqrt(np.where(kept, rest, 1.0))
    left = (y - s[..., None] * change[:, None]) * scale[..., None]
    return np.where(kept[..., None], left, 0.0), kept


def _scatter(
    left: Floats, z: Floats, seen: Bools, kept: Bools, tail: float
) -> KindScores:
    """Larger scatter in all features or in one, over the last 3 … W nights."""
    p = seen.sum(axis=2)
    d2 = (left**2).sum(axis=2)
    scale = tail / (tail - 2.0)
    whole = normal_score(d2 / np.maximum(p, 1) * scale, p, tail)
    total, length = _suffix(np.where(kept, whole, 0.0), kept)
    one = normal_score(z**2 * scale, np.ones(1), tail)
    each = kept[..., None] & seen
    single, lengths = _suffix(np.where(each, one, 0.0), each)
    d = z.shape[2]
    j = np.argmax(np.where(np.isnan(single), -np.inf, single), axis=1)
    pick = np.arange(len(j)), j
    both = log_normal_tail(total), log_normal_tail(single[pick]) + np.log(d)
    log_p = np.minimum(np.fmin(*both) + np.log(2.0), 0.0)
    length = np.where(both[1] < both[0], lengths[pick], length)
    recent = kept & (np.arange(kept.shape[1]) >= kept.shape[1] - length[:, None])
    parts = (left**2 * recent[..., None]).sum(axis=1)
    cells = np.where(recent, p, 0).sum(axis=1)
    size = np.sqrt(parts.sum(axis=1) / np.maximum(cells, 1))
    return KindScores(log_p, size, length, parts, _inflated(d2, p, kept, tail))


def _inflated(d2: Floats, p: Ints, kept: Bools, tail: float) -> Floats:
    """Twice the log-likelihood gained by the best of some factors of the variance."""
    free, found = tail - 2.0, np.full(len(d2), -np.inf)
    for factor in _FACTORS:
        gap = np.log1p(d2 / (factor * free)) - np.log1p(d2 / free)
        gain = -p * np.log(factor) - (tail + p) * gap
        found = np.maximum(found, np.where(kept, gain, 0.0).sum(axis=1))
    return found


def _suffix(scores: Floats, kept: Bools) -> tuple[Floats, Ints]:
    """Largest Σ / √n over the last 3, 4, … nights; NaN below 3 nights, and length."""
    total = np.cumsum(scores[:, ::-1], axis=1)
    n = np.cumsum(kept[:, ::-1], axis=1)
    value = np.where(n >= _LEAST, total / np.sqrt(np.maximum(n, 1)), -np.inf)
    at = value.argmax(axis=1)
    best = np.take_along_axis(value, np.expand_dims(at, 1), axis=1)[:, 0]
    return np.where(np.isfinite(best), best, np.nan), at + 1


def _broken(
    law: tuple[Floats, Floats],
    left: Floats,
    z: Floats,
    seen: Bools,
    kept: Bools,
    log_det: Floats,
    tail: float,
) -> KindScores:
    """Features that go apart: nights as if independent, over the last 3 … W nights."""
    p = seen.sum(axis=2)
    good = kept & (p >= 2)
    ratio = np.where(good, _apart((left**2).sum(axis=2), z, p, log_det, tail), 0.0)
    mean, sd = (value[:, None] for value in law)
    good &= sd > 0
    score = np.where(good, (ratio - mean) / np.where(sd > 0, sd, 1.0), 0.0)
    best, length = _suffix(score, good)
    recent = good & (np.arange(good.shape[1]) >= good.shape[1] - length[:, None])
    gain = (left**2 - z**2) * recent[..., None]
    parts = np.maximum(gain.sum(axis=1), 0.0)
    nights = np.maximum(recent.sum(axis=1), 1)
    size = (score * recent).sum(axis=1) / nights
    gained = 2.0 * ratio.sum(axis=1)
    return KindScores(log_normal_tail(best), size, length, parts, gained)


def _apart(
    d2: Floats, z: Floats, p: NDArray[np.generic], log_det: Floats, tail: float
) -> Floats:
    """Log of p independent t densities over one multivariate t density with R.

    Both with unit variances and `tail` degrees of freedom.  A night that is larger in
    all features alike speaks against independence: inflation does not pass for a break.
    """
    free = tail - 2.0
    count = np.asarray(p, np.float64)
    half, one = special.gammaln(tail / 2.0), special.gammaln((tail + 1.0) / 2.0)
    const = count * (one - half) - special.gammaln((tail + count) / 2.0) + half
    joint = (tail + count) / 2.0 * np.log1p(d2 / free)
    single = (tail + 1.0) / 2.0 * np.log1p(z**2 / free).sum(axis=-1)
    found: Floats = const + log_det / 2.0 + joint - single
    return found


def _team_laws(
    correlation: Floats, usable: Bools, tail: float
) -> tuple[Floats, Floats, Floats]:
    """Root of R, and mean and sd of the correlation statistic if nothing changed.

    Over fixed pseudo-random nights, the same for every team.
    """
    d = correlation.shape[1]
    values, vectors = np.linalg.eigh(correlation)
    root = np.einsum("gij,gj,gkj->gik", vectors, np.sqrt(values), vectors)
    rng = np.random.default_rng(_SEED)
    y = rng.standard_normal((_DRAWS, d))
    y *= np.sqrt((tail - 2.0) / rng.chisquare(tail, (_DRAWS, 1)))
    d2 = usable @ (y**2).T
    z = np.matmul(y, root) * usable[:, None]
    p = np.broadcast_to(usable.sum(axis=1)[:, None], d2.shape)
    found = _apart(d2, z, p, np.log(values).sum(axis=1)[:, None], tail)
    sd = np.where(usable.sum(axis=1) > 1, found.std(axis=1), 0.0)
    return root, found.mean(axis=1), np.where(sd > 1e-9, sd, 0.0)


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
    own value, or from the team's where all its agents had one.
    """
    team = own.team[rows]
    constant = own.constant[team]
    out = np.zeros(constant.shape, dtype=bool)
    some = np.flatnonzero(constant.any(axis=1))
    if not some.size:
        return out
    gap = np.abs(own.moved(rows[some], nights))
    known = (own.nights_seen[rows[some]] > 0) & constant[some]
    far = (gap > _MOVED * own.floors) & known[:, None]
    seen = np.isfinite(gap)
    last = seen.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    latest = np.take_along_axis(far, last[:, None], axis=1)[:, 0]
    out[some] = latest & seen.any(axis=1)
    return out
