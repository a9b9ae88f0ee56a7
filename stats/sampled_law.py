"""The law of a shrunk distance where there are no more rows than features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from stats.shrinkage import correlation_scale

__all__ = ["SampledLaw"]

Floats = NDArray[np.float64]

_SAMPLE = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class SampledLaw:
    """Log p of the distance of a new row, from a sample of rows left out.

    Attributes
    ----------
    log_d2, log_p : float64 arrays, shape (nodes,)
        Rising distances and falling log p.
    slope : float
        d log p / d d² beyond the last node: an exponential tail.

    Notes
    -----
    1,000 rows in random directions are taken out of n; what is left is shrunk with the
    intensity given.  It is an approximation: no Beta law exists with n <= d.
    """

    log_d2: Floats
    log_p: Floats
    slope: float

    @classmethod
    def fit(cls, r: Floats, n: int, intensity: float, seed: int) -> Self:
        """Sample the law.

        Parameters
        ----------
        r : float64 array, shape (d, d)
            Correlations of the baseline before shrinkage.
        n : int
            Baseline rows.
        intensity : float
            Shrinkage of the correlations, in (0, 1].
        seed : int
            Of the directions: equal seeds give equal laws.
        """
        ordered = np.sort(_left_out(r, n, intensity, np.random.default_rng(seed)))
        m = len(ordered)
        log_p = np.log((m - np.arange(m) - 0.5) / m)
        kept = np.unique(np.linspace(0, 0.98 * m, 60).astype(np.int64))
        last = ordered[kept[-1]]
        excess = max(float((ordered[kept[-1] :] - last).mean()), 1e-12 * last)
        log_d2 = np.log(ordered[kept]) + 1e-12 * np.arange(len(kept))
        return cls(log_d2, log_p[kept], -1.0 / excess)

    def log_tail(self, d2: Floats) -> Floats:
        """Natural logarithm of P(distance > d2); NaN stays NaN, infinity gives -inf."""
        low, high = self.log_d2[0], self.log_d2[-1]
        with np.errstate(divide="ignore"):
            at = np.log(d2)
        inside = PchipInterpolator(self.log_d2, self.log_p)(np.clip(at, low, high))
        beyond = np.exp(at) - np.exp(high)
        out = inside + np.where(beyond > 0, self.slope * beyond, 0.0)
        return np.minimum(np.where(at < low, inside * np.exp(at - low), out), 0.0)


def _left_out(r: Floats, n: int, intensity: float, rng: np.random.Generator) -> Floats:
    """Distances, shape (1000,), of rows to the n - 1 rows without them."""
    values, vectors = np.linalg.eigh(r)
    values = np.where(values > 1e-10 * values[-1], values, 0.0)
    u = rng.standard_normal((_SAMPLE, len(r))) * (values > 0)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    w = (u * np.sqrt(values)) @ vectors.T * (n - 1) / np.sqrt(n)
    out = w[:, :, None] * w[:, None, :]
    rest = ((n - 1) * r - n / (n - 1) * out) / (n - 2)
    scale, correlation = correlation_scale(rest)
    shrunk = (1.0 - intensity) * correlation + intensity * np.eye(len(r))
    z = w / np.where(scale > 0, scale, 1e-150) * (n / (n - 1))
    d2 = (z * np.linalg.solve(shrunk, z[..., None])[..., 0]).sum(axis=1)
    found: Floats = np.maximum(d2, 1e-300)
    return found
