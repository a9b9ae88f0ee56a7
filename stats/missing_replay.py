"""Tonight's gap played back on the past: how wrong carrying forward would have been."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Gap", "Replay", "common_change", "replay"]

Floats = NDArray[np.float64]

# Least share of the arrived mass that must have been there on both nights.
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Gap:
    """Who is missing, for how long, and how well a site mean is known.

    Attributes
    ----------
    age : int64 array, shape (S,)
        Nights since the newest value; 0 for a site that is here tonight.
    mass : float64 array, shape (S,)
        Shares of the whole, sum 1.
    noise : float64 array, shape (S, d)
        Squared standard error of one nightly site mean.
    replayable : bool array, shape (S,)
        Silent sites with enough history to be replayed together.
    """

    age: NDArray[np.int64]
    mass: Floats
    noise: Floats
    replayable: NDArray[np.bool_]

    @property
    def here(self) -> NDArray[np.bool_]:
        """Sites that arrived tonight."""
        found: NDArray[np.bool_] = self.age == 0
        return found

    @property
    def weight(self) -> Floats:
        """Mass of the arrived sites, scaled to sum 1; 0 for silent ones."""
        arrived = np.where(self.here, self.mass, 0.0)
        whole = arrived.sum()
        return arrived / whole if whole > 0 else arrived


@dataclass(frozen=True, slots=True)
class Replay:
    """Mean squared errors of carrying forward, by lag.

    Attributes
    ----------
    lags : int64 array, shape (L,)
        Lag of the oldest silent site; younger ones keep their proportion to it.
    pool : float64 array, shape (L, d)
        Variance of one site's own movement over the lag, noise taken off.
    block : float64 array, shape (L, d)
        Mean square of the whole replayable set's error, mass included.
    pairs : int64 array, shape (L, d)
        Nights behind `block`.
    """

    lags: NDArray[np.int64]
    pool: Floats
    block: Floats
    pairs: NDArray[np.int64]


def common_change(weight: Floats, now: Floats, before: Floats) -> Floats:
    """Weighted mean change of the arrived sites that have both values.

    Parameters
    ----------
    weight : float64 array, shape (S,)
        Sums to 1; sites with weight 0 are not looked at.
    now, before : float64 arrays, shape (S, ...)

    Returns
    -------
    float64 array, shape (...)
        NaN where less than half of the weight has both.
    """
    used = weight > 0
    change = now[used] - before[used]
    seen = np.isfinite(change)
    if seen.all():
        return np.asarray(np.tensordot(weight[used], change, 1))
    share = np.tensordot(weight[used], seen.astype(np.float64), 1)
    total = np.tensordot(weight[used], np.where(seen, change, 0.0), 1)
    enough = share >= _ENOUGH
    return np.where(enough, total / np.where(enough, share, 1.0), np.nan)


def replay(history: Floats, gap: Gap, lags: NDArray[np.int64]) -> Replay:
    """Carry forward from every past night and compare with what came.

    Parameters
    ----------
    history : float64 array, shape (S, H, d)
        Nightly site means, oldest first; NaN is missing.
    gap : Gap
        Some site is silent, some is here.
    lags : int64 array, shape (L,)
        Each below H.

    Returns
    -------
    Replay
    """
    pools, blocks, pairs = [], [], []
    replayed = np.flatnonzero(gap.replayable)
    oldest = gap.age[replayed].max(initial=1)
    for lag in lags:
        own = _own_change(history, gap.weight, int(lag))
        pools.append(_pool(own, gap))
        steps = np.maximum(1, np.rint(gap.age[replayed] * lag / oldest)).astype(int)
        error = np.zeros(
            (history.shape[1] - int(steps.max(initial=1)), history.shape[2])
        )
        for step in np.unique(steps):
            moved = own if step == lag else _own_change(history, gap.weight, int(step))
            sites = replayed[steps == step]
            part = np.tensordot(gap.mass[sites], moved[sites], 1)
            error = error + part[-len(error) :]
        mean, count = _mean_square(error, axis=0)
        blocks.append(mean)
        pairs.append(count)
    return Replay(lags, np.stack(pools), np.stack(blocks), np.stack(pairs))


def _own_change(history: Floats, weight: Floats, lag: int) -> Floats:
    """Change of every site over a lag, less the common change, (S, H - lag, d)."""
    now, before = history[:, lag:], history[:, :-lag]
    change = now - before
    change -= common_change(weight, now, before)
    return change


def _pool(own: Floats, gap: Gap) -> Floats:
    """Variance of one site's movement, (d,): what the common change took is put back.

    Of independent movements with variance v, a site's own change holds c v: 1 + Σ w² if
    it is silent, (1 - w)² + Σ of the others' w² if it is itself part of the common one.
    """
    weight = gap.weight
    square, count = _mean_square(own, axis=1)
    others = np.sum(weight**2) - weight**2
    factor = (1.0 - weight) ** 2 + others
    noise = 2.0 * (
        (1.0 - weight)[:, None] ** 2 * gap.noise
        + np.tensordot(weight**2, gap.noise, 1)
        - weight[:, None] ** 2 * gap.noise
    )
    seen = count > 0
    signal = np.where(seen, square - noise, 0.0).sum(axis=0)
    whole = (seen * factor[:, None]).sum(axis=0)
    return np.where(whole > 1e-12, signal / np.where(whole > 1e-12, whole, 1.0), np.nan)


def _mean_square(values: Floats, axis: int) -> tuple[Floats, NDArray[np.int64]]:
    """Mean square over the entries that are known, and how many they are."""
    seen = np.isfinite(values)
    count = seen.sum(axis=axis)
    known = values if seen.all() else np.where(seen, values, 0.0)
    subscripts = "t...,t...->..." if axis == 0 else "st...,st...->s..."
    square = np.einsum(subscripts, known, known)
    return np.where(count > 0, square / np.maximum(count, 1), np.nan), count
