"""The law of a squared distance whose covariance was shrunk: no F law holds there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.interpolate import PchipInterpolator

from stats.shrinkage import correlation_scale
from stats.tails import log_f_tail

__all__ = ["ShrunkLaw"]

Floats = NDArray[np.float64]

_DIRECTIONS = 128
_NODES = 200
# Directions when there are no more rows than features: the law is their sample.
_SAMPLE = 1_000
# Tail probabilities of the distance at which every direction is evaluated.
_LEVELS = np.concatenate(
    [[0.9999, 0.999], np.linspace(0.99, 0.1, 10), np.geomspace(0.05, 1e-8, 12)]
)


@dataclass(frozen=True, slots=True, eq=False)
class ShrunkLaw:
    """Log p of the distance of a new row, tabulated over the distance.

    Attributes
    ----------
    log_d2, log_p : float64 arrays, shape (nodes,)
        Rising distances and falling log p.
    slope : float
        Beyond the last node: d log p / d log d² if `power`, else d log p / d d².
    power : bool

    Notes
    -----
    A row and its baseline of n normal rows are exchangeable, so given the mean and
    covariance S₊ of all n + 1 together the row lies at √a (n / √(n+1)) S₊^½ u from
    their mean, with u uniform on the sphere and a ~ Beta(p/2, (n-p)/2), whatever the
    true covariance.  Taking the row out again gives the baseline that a row like this
    would have been scored with, hence its distance after shrinkage: a rising function
    of a for each direction u.  Log p is the mean over 128 directions of the Beta tail
    at the a that reaches the distance: smooth, and exact in a, so it does not stop at
    one over the number of draws.  S₊ is taken to be the baseline's own S and the
    intensity its own; both change by one row in n.  Measured rates: tests/calibration.
    With n <= p the Beta law does not exist; the law is then the sample of 1,000 rows
    left out of n in random directions, with an exponential tail.
    Source: the pivot is Hotelling's; the argument is exchangeability.
    """

    log_d2: Floats
    log_p: Floats
    slope: float
    power: bool

    @classmethod
    def fit(cls, r: Floats, n: int, intensity: float, seed: int) -> Self:
        """Tabulate the law.

        Parameters
        ----------
        r : float64 array, shape (p, p)
            Correlations of the baseline before shrinkage.
        n : int
            Baseline rows.
        intensity : float
            Shrinkage of the correlations, in (0, 1].
        seed : int
            Of the directions: equal seeds give equal laws.
        """
        rng = np.random.default_rng(seed)
        if n <= len(r):
            return cls._sampled(_left_out(r, n, intensity, np.ones(1), rng, _SAMPLE)[0])
        p, dof = len(r), n - len(r)
        a = special.betainccinv(p / 2.0, dof / 2.0, _LEVELS)
        d2 = _left_out(r, n + 1, intensity, a, rng, _DIRECTIONS)
        nodes = np.linspace(np.log(d2.min()), np.log(d2.max()) + 3.0, _NODES)
        log_odds = np.log(a) - np.log1p(-a)
        reached = [_inverse(nodes, np.log(column), log_odds) for column in d2.T]
        tails = log_f_tail(np.exp(np.stack(reached)) * dof / p, p, dof)
        log_p = special.logsumexp(tails, axis=0) - np.log(len(reached))
        return cls(nodes, log_p, -dof / 2.0, power=True)

    @classmethod
    def _sampled(cls, d2: Floats) -> Self:
        ordered = np.sort(d2)
        n = len(ordered)
        log_p = np.log((n - np.arange(n) - 0.5) / n)
        kept = np.unique(np.linspace(0, 0.98 * n, 60).astype(np.int64))
        last = ordered[kept[-1]]
        excess = max(float((ordered[kept[-1] :] - last).mean()), 1e-12 * last)
        log_d2 = np.log(ordered[kept]) + 1e-12 * np.arange(len(kept))
        return cls(log_d2, log_p[kept], -1.0 / excess, power=False)

    def log_tail(self, d2: Floats) -> Floats:
        """Natural logarithm of P(distance > d2); NaN stays NaN, infinity gives -inf."""
        low, high = self.log_d2[0], self.log_d2[-1]
        with np.errstate(divide="ignore"):
            at = np.log(d2)
        inside = PchipInterpolator(self.log_d2, self.log_p)(np.clip(at, low, high))
        beyond = at - high if self.power else np.exp(at) - np.exp(high)
        out = inside + np.where(beyond > 0, self.slope * beyond, 0.0)
        return np.minimum(np.where(at < low, inside * np.exp(at - low), out), 0.0)


def _left_out(
    r: Floats,
    total: int,
    intensity: float,
    a: Floats,
    rng: np.random.Generator,
    directions: int,
) -> Floats:
    """Distances (len(a), directions) of a row to the `total - 1` rows without it."""
    p = len(r)
    values, vectors = np.linalg.eigh(r)
    values = np.where(values > 1e-10 * values[-1], values, 0.0)
    u = rng.standard_normal((directions, p)) * (values > 0)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    reach = (u * np.sqrt(values)) @ vectors.T * (total - 1) / np.sqrt(total)
    target = np.eye(p)
    out = np.empty((len(a), directions))
    for row, level in enumerate(a):
        w = np.sqrt(level) * reach
        products = w[:, :, None] * w[:, None, :]
        rest = ((total - 1) * r - total / (total - 1) * products) / (total - 2)
        scale, correlation = correlation_scale(rest)
        shrunk = (1.0 - intensity) * correlation + intensity * target
        scale = np.where(scale > 0, scale, 1e-150)
        z = w / scale * (total / (total - 1))
        out[row] = (z * np.linalg.solve(shrunk, z[..., None])[..., 0]).sum(axis=1)
    return np.maximum(out, 1e-300)


def _inverse(at: Floats, log_d2: Floats, log_odds: Floats) -> Floats:
    """Log odds that reach a distance; a constant ratio beyond both ends."""
    found = np.interp(at, log_d2, log_odds)
    found = np.where(at > log_d2[-1], log_odds[-1] + at - log_d2[-1], found)
    return np.where(at < log_d2[0], log_odds[0] + at - log_d2[0], found)
