"""The law of a squared distance whose covariance was shrunk: no F law holds there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.shrinkage import correlation_scale
from stats.tails import log_f_tail

__all__ = ["ShrunkLaw"]

Floats = NDArray[np.float64]

_PAIRS, _CHOICE, _STEPS = 256, 32, 2
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
# Tail probabilities of the unshrunken distance near which the law is evaluated.
_LEVELS = np.concatenate(
    [[0.9999], np.linspace(0.99, 0.1, 4), np.geomspace(0.05, 1e-8, 7)]
)


@dataclass(frozen=True, slots=True, eq=False)
class ShrunkLaw:
    """Log p of the distance of a new row, through Hotelling's law.

    Attributes
    ----------
    log_d2, log_odds : float64 arrays, shape (nodes,)
        Rising distances, and log a / (1 - a) of the Beta variable that has the same
        tail probability; linear between nodes, of slope 1 beyond them.
    p, dof : int
        The variable is Beta(p/2, dof/2).

    Notes
    -----
    A row and its baseline of n normal rows are exchangeable, so given the mean and
    covariance S₊ of all n + 1 together the row lies at √a (n / √(n+1)) S₊^½ u from
    their mean, with u uniform on the sphere and a ~ Beta(p/2, (n-p)/2), whatever the
    true covariance.  Taking the row out again, shrinking what is left with its own
    intensity, gives the distance that the row would have had: a rising function of a.

    S₊ holds the row that is judged.  A row at distance d² stretches S by n / (n+1) of
    its own square, so the law at d² is taken from S₊ with a row put in at d², in
    directions of the shrunk covariance.  With S in the place of S₊ the row that is
    taken out would deflate S below anything seen, and p would be too large: .0440 at
    .05 with 20 features and 50 rows.  Log p is the mean over 256 pairs of directions,
    in and out, of the Beta tail: exact in a, so it does not stop at one over the draws.
    The intensity follows tr R² as in `shrinkage.oas`, relative to the one given.
    Source: the pivot is Hotelling's; the argument is exchangeability.
    """

    log_d2: Floats
    log_odds: Floats
    p: int
    dof: int

    @classmethod
    def fit(cls, r: Floats, n: int, intensity: float, seed: int) -> Self:
        """Tabulate the law.

        Parameters
        ----------
        r : float64 array, shape (d, d)
            Correlations of the baseline before shrinkage, of rank below n.
        n : int
            Baseline rows.
        intensity : float
            Shrinkage of the correlations, in (0, 1].
        seed : int
            Of the directions: equal seeds give equal laws.
        """
        rng = np.random.default_rng(seed)
        values, vectors = np.linalg.eigh(r)
        real = values > 1e-10 * values[-1]
        root = vectors[:, real] * np.sqrt(values[real])
        p = root.shape[1]
        dof = n - p
        inward, outward, shape, log_weight = _pairs(r, root, intensity, rng)
        a = special.betainccinv(p / 2.0, dof / 2.0, _LEVELS)
        odds = a / (1.0 - a)
        nodes = np.log(odds * (n * n - 1.0) / n) + np.log(shape).mean()
        relative = intensity / float(_intensity(r, n))
        reached = np.log(odds)[:, None] - np.zeros(_PAIRS)
        for k, log_d2 in enumerate(nodes):
            y = inward * np.sqrt(np.exp(log_d2) / shape)[:, None]
            start = _start(nodes[: k + 1], reached[:k], reached[0])
            reached[k] = _solve(start, log_d2, root, y, outward, n, relative)
        tails = log_f_tail(np.exp(reached) * dof / p, p, dof)
        mean = special.logsumexp(tails + log_weight, axis=1)
        same = special.betainccinv(p / 2.0, dof / 2.0, np.exp(mean))
        return cls(nodes, np.log(same) - np.log1p(-same), p, dof)

    def log_tail(self, d2: Floats) -> Floats:
        """Natural logarithm of P(distance > d2); NaN stays NaN, infinity gives -inf."""
        with np.errstate(divide="ignore"):
            at = np.log(d2)
        low, high = self.log_d2[0], self.log_d2[-1]
        inside = np.interp(np.clip(at, low, high), self.log_d2, self.log_odds)
        odds = np.exp(inside + (at - np.clip(at, low, high)))
        return log_f_tail(odds * self.dof / self.p, self.p, self.dof)


def _pairs(
    r: Floats, root: Floats, intensity: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats]:
    """Directions of the row put in and of the one taken out, in root's coordinates.

    Also the shrunk squared distance of a unit step inward, and the log weights.  Pairs
    are spread evenly over their angle, with more near 0 where far tails come from, and
    over the length of the outward step: chosen among 32 candidates each.
    """
    shrunk = (1.0 - intensity) * r + intensity * np.eye(len(r))
    values, vectors = np.linalg.eigh(shrunk)
    half = vectors * np.sqrt(np.maximum(values, 0.0))
    metric = root.T @ vectors / np.sqrt(np.maximum(values, 1e-12 * values[-1]))
    x = rng.standard_normal((_PAIRS, _CHOICE, len(r))) @ half.T
    y = _unit(x @ root / (root**2).sum(axis=0))
    outward, log_weight = _at_angles(y, rng)
    length = ((outward @ metric) ** 2).sum(axis=-1)
    pick = np.floor(_CHOICE * (np.arange(1, _PAIRS + 1) * _GOLDEN % 1.0))
    chosen = np.argsort(length, axis=1)[np.arange(_PAIRS), pick.astype(np.int64)]
    row = np.arange(_PAIRS)
    inward = y[row, chosen]
    shape = ((inward @ metric) ** 2).sum(axis=1)
    return inward, outward[row, chosen], shape, log_weight


def _at_angles(y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Directions whose angles to those given run through the quantiles of chance."""
    p = y.shape[-1]
    half = len(y) // 2
    far = np.geomspace(0.1, 1e-7, len(y) - half)
    edges = np.concatenate([np.linspace(1.0, 0.1, half + 1), far[1:], [0.0]])
    weight = -np.diff(edges)
    if p == 1:
        return y, np.log(weight)
    middle = (edges[:-1] + edges[1:]) / 2.0
    cosine = np.sqrt(special.betainccinv(0.5, (p - 1) / 2.0, middle))[:, None, None]
    across = rng.standard_normal(y.shape)
    across = _unit(across - (across * y).sum(axis=-1, keepdims=True) * y)
    return cosine * y + np.sqrt(1.0 - cosine**2) * across, np.log(weight)


def _unit(x: Floats) -> Floats:
    found: Floats = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return found


def _start(nodes: Floats, done: Floats, first: Floats) -> Floats:
    """Guess the log odds at the last node from those before."""
    if len(done) == 0:
        return first
    step = nodes[-1] - nodes[-2]
    if len(done) == 1:
        return np.asarray(done[0] + step)
    rate = (done[-1] - done[-2]) / (nodes[-2] - nodes[-3])
    return np.asarray(done[-1] + step * np.clip(rate, 0.2, 5.0))


def _solve(
    log_odds: Floats,
    log_d2: float,
    root: Floats,
    y: Floats,
    outward: Floats,
    n: int,
    relative: float,
) -> Floats:
    """Log odds at which the row that is taken out of S₊ has the distance."""
    length2 = (y**2).sum(axis=1)
    gain = np.sqrt(1.0 + n / ((n + 1.0) * (n - 1.0)) * length2) - 1.0
    along = (y * outward).sum(axis=1) * gain / np.maximum(length2, 1e-300)
    reach = np.sqrt((n - 1.0) / n) * (outward + along[:, None] * y) @ root.T
    reach *= n / np.sqrt(n + 1.0)
    x = y @ root.T
    s = root @ root.T
    both = (n - 1.0) * s + n / (n + 1.0) * x[:, :, None] * x[:, None, :]
    slope = np.ones_like(log_odds)
    before = log_odds, np.zeros_like(log_odds)
    for step in range(_STEPS):
        w = np.sqrt(special.expit(log_odds))[:, None] * reach
        rest = (both - (n + 1.0) / n * w[:, :, None] * w[:, None, :]) / (n - 1.0)
        scale, r = correlation_scale(rest)
        pull = np.minimum(relative * _intensity(r, n), 1.0)[:, None, None]
        shrunk = np.where(np.eye(r.shape[-1], dtype=bool), 1.0, (1.0 - pull) * r)
        z = w / np.where(scale > 0, scale, 1e-150) * ((n + 1.0) / n)
        d2 = (z * np.linalg.solve(shrunk, z[..., None])[..., 0]).sum(axis=1)
        miss = log_d2 - np.log(np.maximum(d2, 1e-300))
        moved = log_odds - before[0]
        if step > 0:
            near = np.abs(moved) < 1e-9
            slope = (before[1] - miss) / np.where(near, 1.0, moved)
            slope = np.where(near, 1.0, np.clip(slope, 0.1, 10.0))
        before = log_odds, miss
        log_odds = log_odds + np.clip(miss / slope, -3.0, 3.0)
    return log_odds


def _intensity(r: Floats, n: int) -> Floats:
    """Return the oracle approximating intensity of correlations (..., d, d)."""
    d = r.shape[-1]
    squares = (r**2).sum(axis=(-2, -1))
    excess = np.maximum(squares - d, 1e-12)
    found: Floats = np.minimum((squares + d * d) / ((n + 1.0) * excess), 1.0)
    return found
