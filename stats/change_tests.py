"""One statistic per kind of change that shows in values, as of one night."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.change_kinds import KindScores
from stats.change_templates import (
    Matches,
    Templates,
    log_normal_tail,
    match,
    normal_score,
    serial_matrix,
)
from stats.independence import log_apart
from stats.masked_whitening import Whitened
from stats.own import OwnBaseline
from stats.tails import log_f_tail

__all__ = ["score_block"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Fewest nights behind a statement about scatter or correlation.
_LEAST = 3
# Normal score from which a change of the mean is subtracted.
_CLEAR = 3.0
# Factors of the variance that compete with a break of correlation.
_FACTORS = (2.0, 4.0, 8.0, 16.0)


def score_block(
    own: OwnBaseline,
    rows: Ints,
    white: Whitened,
    seen: Bools,
    shapes: Templates,
    *,
    gains: bool,
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
    gains : bool
        Whether the gains of steps and ramps are asked for.

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
    tail = own.tail[team]
    found = match(white.rows, seen, shapes, serial, doubt, tail, gains=gains)
    law = 1.0 / (1.0 / shapes.dof(tail) + 1.0 / np.maximum(own.dof[rows], 1.0)[:, None])
    steps, ramps = slice(0, shapes.steps), slice(shapes.steps, None)
    shift = _best(found, shapes, steps, law)
    drift = _best(found, shapes, ramps, law)
    left, kept = _without_best(white.rows, seen, found, shapes)
    near = slice(-shapes.steps, None)
    left, kept, here = left[:, near], kept[:, near], seen[:, near]
    z = np.where(here, np.matmul(left, own.root[team]), 0.0)
    scatter = _scatter(left, z, here, kept, tail)
    apart = own.apart[team, 0], own.apart[team, 1]
    log_det = white.log_determinant[:, near]
    broken = _broken(apart, left, z, here, kept, log_det, tail)
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
    log_p = log_f_tail(found.f[pick], p, dof[pick])
    gain = found.gain[:, which].max(axis=1)
    # When it began and how large it is: bounded nights say less of that.
    as_is = found.gain if gain.any() else found.length
    at = as_is[:, which].argmax(axis=1) + (which.start or 0)
    pick = np.arange(m), at
    mass = np.where(found.mass[pick] > 0, found.mass[pick], np.nan)
    square = found.sums[pick] ** 2
    size = np.sqrt(square.sum(axis=1)) / mass
    return KindScores(log_p, size, shapes.lengths[at], square, gain)


def _without_best(
    y: Floats, seen: Bools, found: Matches, shapes: Templates
) -> tuple[Floats, Bools]:
    """Subtract the best template if it is clear; nights that it fits alone are out."""
    at = found.length.argmax(axis=1)
    pick = np.arange(len(at)), at
    mass = np.where(found.mass[pick] > 0, found.mass[pick], 1.0)
    change = found.sums[pick] / mass[:, None]
    clear = found.score.max(axis=1) > _CLEAR
    s = np.where(clear[:, None], shapes.weights[at], 0.0)
    rest = 1.0 - s**2 / mass[:, None]
    kept = seen.any(axis=2) & (rest > 0.05)
    scale = 1.0 / np.sqrt(np.where(kept, rest, 1.0))
    left = (y - s[..., None] * change[:, None]) * scale[..., None]
    return np.where(kept[..., None], left, 0.0), kept


def _scatter(
    left: Floats, z: Floats, seen: Bools, kept: Bools, tail: Floats
) -> KindScores:
    """Larger scatter in all features or in one, over the last 3 … W nights."""
    p = seen.sum(axis=2)
    d2 = np.einsum("mtd,mtd->mt", left, left)
    dof = tail[:, None]
    scale = dof / (dof - 2.0)
    whole = normal_score(d2 / np.maximum(p, 1) * scale, p, dof)
    total, length = _suffix(np.where(kept, whole, 0.0), kept)
    one = normal_score(z**2 * scale[..., None], np.ones(1), dof[..., None])
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


def _inflated(d2: Floats, p: Ints, kept: Bools, tail: Floats) -> Floats:
    """Twice the log-likelihood gained by the best of some factors of the variance."""
    found, dof = np.full(len(d2), -np.inf), tail[:, None]
    free = dof - 2.0
    for factor in _FACTORS:
        gap = np.log1p(d2 / (factor * free)) - np.log1p(d2 / free)
        gain = -p * np.log(factor) - (dof + p) * gap
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
    tail: Floats,
) -> KindScores:
    """Features that go apart: nights as if independent, over the last 3 … W nights."""
    p = seen.sum(axis=2)
    good = kept & (p >= 2)
    ratio = np.where(
        good,
        log_apart(np.einsum("mtd,mtd->mt", left, left), z, p, log_det, tail[:, None]),
        0.0,
    )
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
