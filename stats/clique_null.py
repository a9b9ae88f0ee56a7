"""What cliques of independent series would show: circular shifts of the series."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.gamma_tail import log_gamma_tail

__all__ = ["ShiftedCliques", "band_power", "uncorrelated", "unit_rows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Values of drawn cliques that are in memory at once.
_CELLS = 1 << 21
# Draws from which the tail is continued.
_TAIL = 100
# First of the frequencies of each band, the lowest being 1: octaves, since memory is at
# low frequencies.
_BANDS = (1, 2, 4, 8)
# Different agents are drawn by trial when there are so many times more of them.
_FEW = 8
# A law with less skewness is a normal one.
_SYMMETRIC = 0.02


def unit_rows(
    x: NDArray[np.generic], mix: Floats | None = None
) -> tuple[Floats, NDArray[np.bool_]]:
    """Standardise every feature of every agent, then scale agents to length 1.

    Parameters
    ----------
    x : array, shape (n, T, d)
        NaN and infinities are missing.
    mix : float64 array, shape (d, d), optional
        What standardised features are multiplied by; see `uncorrelated`.

    Returns
    -------
    rows : float64 array, shape (n, T, d)
        Mean 0 over the observed steps of each feature, 0 where missing or constant.
        The product of two is their correlation, less the share that is missing.
    usable : bool array, shape (n,)
        Agents of whom some feature varies; the rows of others are 0.
    """
    seen = np.isfinite(x)
    values = np.where(seen, x, 0.0).astype(np.float64)
    low = np.where(seen, x, np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen, x, -np.inf).max(axis=1, initial=-np.inf)
    seen &= (high > low)[:, None]
    n = np.maximum(seen.sum(axis=1), 1)[:, None]
    values -= values.sum(axis=1, where=seen)[:, None] / n
    values[~seen] = 0.0
    sd = np.sqrt((values**2).sum(axis=1)[:, None] / n)
    values /= np.where(sd > 0, sd, 1.0)
    if mix is not None:
        values = values @ mix
    length = np.sqrt(np.einsum("atd,atd->a", values, values))
    values /= np.where(length > 0, length, 1.0)[:, None, None]
    return values, length > 0


def uncorrelated(rows: Floats) -> Floats:
    """Mix of features that makes them uncorrelated, over all agents and steps, (d, d).

    Correlated features repeat each other: without this a step is worth fewer values.
    Directions with less than a thousandth of the variance of the largest are no news.
    """
    values, vectors = np.linalg.eigh(np.einsum("atd,ate->de", rows, rows))
    kept = values > 1e-3 * max(float(values[-1]), 0.0)
    scale = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    mix: Floats = (vectors * scale) @ vectors.T
    return mix


def band_power(rows: Floats) -> Floats:
    """Power of each agent in bands of frequency, (n, bands).

    The product of two agents is the variance of their correlation when one is shifted
    circularly by a random number of steps: agents with more memory correlate more by
    chance.  Features count alike; a band is coarse, so that it is known well.
    """
    n, steps, d = rows.shape
    power = np.zeros((n, steps // 2))
    for k in range(d):
        power += np.abs(np.fft.rfft(rows[..., k], axis=1)[:, 1:]) ** 2
    cells = np.full(steps // 2, 2.0)
    if steps % 2 == 0:
        cells[-1] = 1.0
    first = [f - 1 for f in _BANDS if f <= steps // 2]
    bands = [slice(*ends) for ends in pairwise([*first, steps // 2])]
    mean = [power[:, f] @ cells[f] / np.sqrt(cells[f].sum() * d) for f in bands]
    found: Floats = np.stack(mean, axis=1) / steps
    return found


@dataclass(frozen=True, slots=True)
class ShiftedCliques:
    """Mean correlations of cliques of independent agents, over their own sd.

    Attributes
    ----------
    rows : float64 array, shape (n, T, d)
        Of `unit_rows`, usable ones only.
    draws : int
        Cliques that are drawn for a question.
    rng : numpy.random.Generator

    Notes
    -----
    Members are drawn at random and each is shifted circularly in time by a random
    number of steps: whatever they have in common at one moment is gone; memory, heavy
    tails, gaps and correlation of features stay.  Beyond the 100 largest of the draws
    the tail is continued exponentially in units of -log of a gamma law of the same
    mean, variance and skewness, no faster than that law itself.
    """

    rows: Floats
    draws: int
    rng: np.random.Generator
    power: Floats = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "power", band_power(self.rows))

    def draw(self, size: int, *, shifted: bool = True) -> tuple[Floats, Floats]:
        """Draw cliques of `size` agents, as they are if not `shifted`.

        Returns
        -------
        mean_r, sd : float64 arrays, shape (draws,)
            Mean correlation, and the sd that shifts give to that of these agents.
        """
        n, steps, d = self.rows.shape
        mean_r, sd = np.empty((2, self.draws))
        chunk = max(1, _CELLS // max(steps * d, size, n if size * _FEW > n else 1))
        for first in range(0, self.draws, chunk):
            count = min(chunk, self.draws - first)
            agents = different(self.rng, n, count, size)
            total = np.zeros((count, steps, d))
            power, own = np.zeros((count, self.power.shape[1])), np.zeros(count)
            for k in range(size):
                shift = self.rng.integers(0, steps, (count, 1))
                when = (np.arange(steps) + shift * shifted) % steps
                total += self.rows[agents[:, k, None], when]
                part = self.power[agents[:, k]]
                power += part
                own += np.einsum("cb,cb->c", part, part)
            some = slice(first, first + count)
            mean_r[some] = _mean_product(total, float(size), size)
            sd[some] = _sd(power, own, size)
        return mean_r, sd

    def observe(self, members: Ints) -> tuple[float, float, Floats]:
        """Mean correlation of a clique as it is, its sd, as above, and of each member.

        The third is the correlation of every member with the sum of the others.
        """
        size, part, rows = len(members), self.power[members], self.rows[members]
        total = rows.sum(axis=0)
        own = np.array([(part**2).sum()])
        mean_r = _mean_product(total[None], float(size), size)
        with_others = np.einsum("atd,td->a", rows, total) - 1.0
        others = np.sqrt(np.einsum("atd,atd->a", total - rows, total - rows))
        sd = _sd(part.sum(axis=0)[None], own, size)
        return float(mean_r[0]), float(sd[0]), with_others / others

    def effective_length(self) -> float:
        """How many independent values a row is worth: 1 over the variance of r."""
        return float(1.0 / np.mean(self.draw(2)[0] ** 2))

    def widening(self) -> float:
        """How much wider pairs as they are spread than shifted ones; at least 1.

        The ends of a shifted series meet, which takes some of its memory away; and all
        agents may have a little in common.  Compared at the upper sixth, which a few
        cliques do not move.
        """
        ends = []
        for shifted in (False, True):
            mean_r, sd = self.draw(2, shifted=shifted)
            ends.append(float(np.quantile(mean_r / sd, 5.0 / 6.0)))
        return max(1.0, ends[0] / ends[1])

    def log_p(self, size: int, t: Floats, widening: float = 1.0) -> Floats:
        """Log of the probability of a mean correlation over its sd of t or more, (k,).

        The null law is `widening` times as wide as that of shifted cliques.
        """
        mean_r, own_sd = self.draw(size)
        null = np.sort(mean_r / own_sd) * widening
        center, sd = null.mean(), null.std()
        skewness = float((((null - center) / sd) ** 3).mean())
        model = _log_tail((t - center) / sd, skewness)
        drawn = _log_tail((null[-_TAIL:] - center) / sd, skewness)
        above = len(null) - np.searchsorted(null, t, side="left")
        counted = np.log((1.0 + above) / (1.0 + len(null)))
        rate = min(1.0, 1.0 / max(float(np.mean(drawn[0] - drawn)), 1e-9))
        start = np.log((1.0 + _TAIL) / (1.0 + len(null)))
        continued = start - rate * (drawn[0] - model)
        far: Floats = np.where(above >= _TAIL, counted, np.minimum(continued, start))
        return far


def different(rng: np.random.Generator, n: int, count: int, size: int) -> Ints:
    """Draw `count` times `size` different ones of n, (count, size)."""
    if size * _FEW > n:
        order = rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)
        return order[:, :size]
    found = rng.integers(0, n, (count, size))
    while True:
        repeated = (np.diff(np.sort(found, axis=1), axis=1) == 0).any(axis=1)
        if not repeated.any():
            return found
        found[repeated] = rng.integers(0, n, (int(repeated.sum()), size))


def _mean_product(total: Floats, own: float, size: int) -> Floats:
    """Mean product of two of `size` rows, from their sum and the sum of squares."""
    square = np.einsum("ctd,ctd->c", total, total)
    found: Floats = (square - own) / (size * (size - 1))
    return found


def _sd(power: Floats, own: Floats, size: int) -> Floats:
    """Sd of a mean correlation whose pairs are uncorrelated, from summed powers."""
    pairs = size * (size - 1)
    variance = (np.einsum("cb,cb->c", power, power) - own) / pairs
    found: Floats = np.sqrt(2.0 * variance / pairs)
    return found


def _log_tail(z: Floats, skewness: float) -> Floats:
    """Log tail of a law with mean 0, variance 1 and that skewness (Pearson III)."""
    if skewness < _SYMMETRIC:
        found: Floats = special.log_ndtr(-z)
        return found
    shape = 4.0 / skewness**2
    return log_gamma_tail(shape + z * np.sqrt(shape), shape)
