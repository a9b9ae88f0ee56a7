"""Robust summaries of what sources say, hypothesis by hypothesis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["coordinate_median", "filtered_min_rule", "trimmed_mean"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def coordinate_median(beliefs: ArrayLike) -> Floats:
    """Median over sources, per hypothesis.

    Parameters
    ----------
    beliefs : array_like, shape (..., sources, h)
        NaN is a source that says nothing.

    Returns
    -------
    float64 array, shape (..., h)
        NaN without sources.  Inside the honest range while fewer than half lie.
    """
    x = np.asarray(beliefs, np.float64)
    return _trimmed(x, (np.isfinite(x).sum(axis=-2) - 1) // 2)


def trimmed_mean(beliefs: ArrayLike, f: int) -> Floats:
    """Mean over sources without the f lowest and f highest, per hypothesis.

    Parameters
    ----------
    beliefs : array_like, shape (..., sources, h)
        NaN is a source that says nothing.
    f : int

    Returns
    -------
    float64 array, shape (..., h)
        NaN where no more than 2 f sources speak.  What is left lies between two honest
        values, so the mean stays inside the honest range.

    Notes
    -----
    Source: Dolev et al., J. ACM 33 (1986).
    """
    x = np.asarray(beliefs, np.float64)
    return _trimmed(x, np.full(x.shape[:-2] + x.shape[-1:], f))


def filtered_min_rule(beliefs: ArrayLike, f: int) -> Floats:
    """Smallest belief per hypothesis after the f lowest are dropped.

    Parameters
    ----------
    beliefs : array_like, shape (..., sources, h)
        NaN is a source that says nothing.
    f : int

    Returns
    -------
    float64 array, shape (..., h)
        To be compared between hypotheses: the largest one is decided for.  A decision
        rule, not a posterior.  NaN where no more than 2 f sources speak.

    Notes
    -----
    Beliefs are normalised per source first.  One honest source that can tell two
    hypotheses apart is enough to reject the wrong one: a mean would drown it.
    Source: Mitra, Richards, Sundaram, IEEE Trans. Automatic Control 66 (2021).
    """
    x = np.asarray(beliefs, np.float64)
    with np.errstate(invalid="ignore"):
        log_p = x - special.logsumexp(x, axis=-1, keepdims=True)
    ordered = np.sort(log_p, axis=-2)  # NaN last
    speak = np.isfinite(log_p).sum(axis=-2)
    at = np.minimum(f, np.maximum(ordered.shape[-2] - 1, 0))
    lowest: Floats = ordered[..., at, :]
    return np.where(speak > 2 * f, lowest, np.nan)


def _trimmed(x: Floats, cut: Ints) -> Floats:
    """Mean of the ordered values from `cut` to the same from above; NaN is last."""
    ordered = np.sort(np.where(np.isfinite(x), x, np.nan), axis=-2)
    speak = np.isfinite(ordered).sum(axis=-2)
    place = np.arange(x.shape[-2])[:, None]
    low, high = cut[..., None, :], (speak - cut)[..., None, :]
    inside = (place >= low) & (place < high)
    total = np.where(inside, ordered, 0.0).sum(axis=-2)
    kept = inside.sum(axis=-2)
    out: Floats = np.full(total.shape, np.nan)
    np.divide(total, kept, out=out, where=kept > 0)
    return out
