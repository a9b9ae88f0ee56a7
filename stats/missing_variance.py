"""How far off the mean can be that carries silent sites forward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.lag_fit import fit_lags, lag_grid
from stats.missing_input import ENOUGH_PAIRS, Sites
from stats.missing_replay import Gap, replay

__all__ = ["ErrorVariance", "VarianceParts", "degrees_of_freedom", "error_variance"]

Floats = NDArray[np.float64]

# Pairs below which a mean square says nothing.
_FEWEST_PAIRS = 5


@dataclass(frozen=True, slots=True)
class VarianceParts:
    """Parts of the error variance, each of shape (d,).

    Attributes
    ----------
    pool : float64 array
        Sites move independently, each as sites usually do.
    block : float64 array
        The silent sites together, as their own past shows them.
    noise : float64 array
        The arrived means are means of finitely many agents.
    """

    pool: Floats
    block: Floats
    noise: Floats

    @classmethod
    def empty(cls, features: int) -> VarianceParts:
        """Return parts of which nothing is known yet."""
        return cls(*(np.full(features, np.nan) for _ in range(3)))

    def put(self, columns: NDArray[np.int64], parts: VarianceParts) -> None:
        """Fill in some of the features."""
        self.pool[columns] = parts.pool
        self.block[columns] = parts.block
        self.noise[columns] = parts.noise

    @property
    def total(self) -> Floats:
        """The larger of pool and block, and the noise."""
        return np.fmax(self.pool, self.block) + self.noise


@dataclass(frozen=True, slots=True)
class ErrorVariance:
    """Error variance of the features of one gap.

    Attributes
    ----------
    parts : VarianceParts
    pairs : int64 array, shape (d,)
        Past nights on which the whole gap could be replayed.
    nights : int64 array, shape (d,)
        Past nights that can be compared at all.
    flagged : bool array, shape (d,)
    noise_degrees : float64 array, shape (d,)
        Degrees of freedom with which the noise is known (Satterthwaite).
    """

    parts: VarianceParts
    pairs: NDArray[np.int64]
    nights: NDArray[np.int64]
    flagged: NDArray[np.bool_]
    noise_degrees: Floats


def error_variance(sites: Sites) -> ErrorVariance:
    """Variance of the estimate about the true mean of all sites.

    Parameters
    ----------
    sites : Sites
        Features that all have the same gap.

    Returns
    -------
    ErrorVariance
        NaN where nothing arrived, or a silent site has no last value.
    """
    gap, d = sites.gap, sites.features
    none = np.zeros(d, np.int64)
    if not gap.here.any() or (gap.age < 0).any():
        unknown = VarianceParts.empty(d)
        return ErrorVariance(unknown, none, none, none > 0, np.ones(d))
    here = gap.here
    error2 = gap.mass[here, None] ** 2 * sites.current_error2[here]
    noise = error2.sum(axis=0)
    spare = np.maximum(sites.agents[here] - 1, 1)[:, None]
    known = np.where(noise > 0, noise, 1.0) ** 2
    degrees = known / np.where(noise > 0, (error2**2 / spare).sum(axis=0), 1.0)
    if here.all():
        zero = np.zeros(d)
        return ErrorVariance(
            VarianceParts(zero, zero, noise), none, none, none > 0, degrees
        )
    noise = noise * repeated_noise(float(gap.mass[here].sum()))
    return _moving(sites.history, gap, noise, degrees)


def repeated_noise(arrived: float) -> float:
    """How often the noise of the arrived part counts, for an arrived share.

    It is in the centre twice, as that part itself and in the movement that is lent to
    the silent part; their covariance is W_M / W_O times the variance, twice.  The
    movement's own variance is in pool and block.
    """
    return 1.0 + 2.0 * (1.0 - arrived) / arrived


def _moving(history: Floats, gap: Gap, noise: Floats, degrees: Floats) -> ErrorVariance:
    """Pool and block, fitted over the lags that the past allows."""
    past = history.shape[1]
    kept = history[gap.replayable] if gap.replayable.any() else history[gap.here]
    nights = np.isfinite(kept).all(axis=0).sum(axis=0).astype(np.int64)
    if past < 2:
        unknown = VarianceParts.empty(len(noise))
        return ErrorVariance(unknown, 0 * nights, nights, nights >= 0, degrees)
    lags = lag_grid(int(gap.age.max()), min(int(nights.max(initial=0)), past - 1))
    found = replay(history, gap, lags)
    grid = lags.astype(np.float64)
    own = fit_lags(grid, found.pool, gap.age[~gap.here].astype(np.float64))
    usable = np.where(found.pairs >= _FEWEST_PAIRS, found.block, np.nan)
    oldest = np.array([gap.age[gap.replayable].max(initial=1)], np.float64)
    together = np.sqrt(fit_lags(grid, usable, oldest)[0])
    bound = _moved_together(gap, own)
    known = gap.replayable[~gap.here]
    block = np.where(
        np.isfinite(together) & known.any(),
        together + np.tensordot(~known, bound, 1),
        bound.sum(axis=0),
    )
    pairs = np.where(known.any(), found.pairs[-1], 0).astype(np.int64)
    flagged = (pairs < ENOUGH_PAIRS) | ~known.all()
    parts = VarianceParts(_pooled(gap, own), block**2, noise)
    return ErrorVariance(parts, pairs, nights, flagged, degrees)


def _pooled(gap: Gap, own: Floats) -> Floats:
    """Independent movements: the silent sites', and that of the sites they follow."""
    silent = ~gap.here
    mass, missing = gap.mass[silent], gap.mass[silent].sum()
    moved = np.tensordot(mass**2, own + 2.0 * gap.noise[silent], 1)
    # The arrived sites' movement enters once for every age; taken as one movement.
    shared = np.tensordot(mass, np.sqrt(own), 1) ** 2
    weight2 = gap.weight**2
    return np.asarray(
        moved
        + shared * weight2.sum()
        + missing**2 * 2.0 * np.tensordot(weight2, gap.noise, 1)
    )


def _moved_together(gap: Gap, own: Floats) -> Floats:
    """Standard error of every silent site's part; they add up if all move as one."""
    silent = ~gap.here
    spread = own * (1.0 + np.sum(gap.weight**2)) + 2.0 * gap.noise[silent]
    found: Floats = gap.mass[silent][:, None] * np.sqrt(spread)
    return found


def degrees_of_freedom(sites: Sites, found: ErrorVariance) -> Floats:
    """Degrees of freedom of the total, (d,), at most 60.

    Independent gaps that fit into the history, at least 3: the mean square of
    overlapping differences of a random walk is worth 1.5 H / h of them, and the fit
    over shorter lags adds to that.  2.5 H / h held on the study of tests/calibration
    and is not derived.  Never more than Satterthwaite (Biometrics Bulletin 2, 1946)
    gives for the sum with the noise, which matters where agents are few.
    """
    oldest = max(int(sites.gap.age.max()), 1)
    gaps = np.clip(2.5 * found.nights / oldest, 3.0, 60.0)
    if sites.gap.here.all():
        return np.minimum(found.noise_degrees, 1e9)
    moved = np.fmax(found.parts.pool, found.parts.block)
    scale = np.where(found.parts.total > 0, found.parts.total, 1.0)
    moved, noise = moved / scale, found.parts.noise / scale
    whole = moved**2 / gaps + noise**2 / found.noise_degrees
    return np.minimum(gaps, 1.0 / np.where(whole > 0, whole, 1.0 / 60.0))
