"""Whether log-likelihood ratios mean what they say, and what repairs them if not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special
from scipy import stats as distributions

from stats.logistic import fit_line
from stats.summary import InvalidInput, NotEnoughData

__all__ = ["RatioCalibration", "Tenths", "calibrate_ratios", "log_ratio_cost"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Tenths:
    """Predicted probabilities in ten classes of equal width, beside what was true.

    Attributes
    ----------
    n : int64 array, shape (10,)
    predicted, observed : float64 arrays, shape (10,)
        Mean prediction and share that was compromised; NaN where n = 0.
    lower, upper : float64 arrays, shape (10,)
        95 % interval of the observed share (Jeffreys); NaN where n = 0.
    """

    n: Ints
    predicted: Floats
    observed: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RatioCalibration:
    """What labels say about log-likelihood ratios.

    Attributes
    ----------
    n, compromised : int
        Labelled rows, and how many of them are compromised.
    prior : float
        Log-odds of "compromised" that the ratios are added to.
    slope, intercept : float
        Of the true log-ratio on the stated one; 1 and 0 if it means what it says.
        A slope below 1 is over-confidence.
    slope_interval, intercept_interval : tuple of float
        95 %.
    cost, least_cost : float
        Bits per decision, classes weighted equally (Cllr), as stated and after the
        best monotone repair: the difference is what calibration costs, the rest is
        how little the ratios tell.  1 is knowing nothing.
    tenths : Tenths
    at, repaired : float64 arrays, shape (m,)
        Corners of the monotone repair, ascending.
    """

    n: int
    compromised: int
    prior: float
    slope: float
    slope_interval: tuple[float, float]
    intercept: float
    intercept_interval: tuple[float, float]
    cost: float
    least_cost: float
    tenths: Tenths
    at: Floats
    repaired: Floats

    def __repr__(self) -> str:
        return (
            f"RatioCalibration: n={self.n:_} ({self.compromised:_} compromised) | "
            f"slope={self.slope:.3g} | intercept={self.intercept:.3g} | "
            f"cost={self.cost:.3g} bits, {self.least_cost:.3g} at best"
        )

    def rescale(self, log_ratio: ArrayLike) -> Floats:
        """Repair by the line alone, intercept + slope times the ratio."""
        found: Floats = self.intercept + self.slope * np.asarray(log_ratio, np.float64)
        return found

    def repair(self, log_ratio: ArrayLike) -> Floats:
        """Repair by the monotone fit; straight between corners, level beyond them.

        NaN stays NaN.  What is beyond all labels gets the ratio of the last of them:
        labels do not tell more.
        """
        x = np.asarray(log_ratio, np.float64)
        found: Floats = np.interp(x, self.at, self.repaired)
        return found


def calibrate_ratios(
    log_ratio: ArrayLike, label: ArrayLike, prior: float | None = None
) -> RatioCalibration:
    """Compare log-likelihood ratios with what turned out to be true.

    Parameters
    ----------
    log_ratio : array_like, shape (n,)
        Finite natural logarithms; NaN leaves a row out.
    label : array_like of bool, shape (n,)
        Whether the agent was compromised, by audit or because it was planted.
    prior : float, optional
        Log-odds of "compromised" among the labelled rows; that of their shares if
        left out.

    Returns
    -------
    RatioCalibration

    Raises
    ------
    InvalidInput
        For columns that do not fit, an infinite ratio or prior.
    NotEnoughData
        Without two labels of each kind.

    Notes
    -----
    The line is a logistic regression with the prior as offset; a normal prior of sd 10
    about (0, 1) keeps it finite where labels separate perfectly.  Intervals take rows
    as independent.  The monotone fit pools adjacent violators; each pool counts one
    more row at the shares of all labels, so that no repaired ratio is infinite.
    Source: Brümmer, du Preez, Computer Speech and Language 20 (2006); Ayer et al.,
    Annals of Math. Statistics 26 (1955).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.random(20_000) < 0.5
    >>> fair = np.where(truth, 2.0, -2.0) + 2.0 * rng.standard_normal(20_000)
    >>> found = calibrate_ratios(3.0 * fair, truth)
    >>> round(found.slope, 2), bool(found.cost > 1.5 * found.least_cost)
    (0.33, True)
    """
    x, true = _checked(log_ratio, label)
    n, hits = len(x), int(true.sum())
    if min(hits, n - hits) < 2:
        raise NotEnoughData(
            f"calibrate_ratios: {hits} compromised of {n} labelled rows. "
            "Audit at least two of each kind."
        )
    share = float(np.log(hits) - np.log(n - hits))
    before = share if prior is None else float(prior)
    if not np.isfinite(before):
        raise InvalidInput(f"calibrate_ratios: prior {prior}. Give finite log-odds.")
    (intercept, slope), sd = fit_line(x, true.astype(np.float64), before)
    pools = _pools(x, true)
    at, repaired = _corners(*pools, share)
    return RatioCalibration(
        n=n,
        compromised=hits,
        prior=before,
        slope=slope,
        slope_interval=_interval(slope, sd[1]),
        intercept=intercept,
        intercept_interval=_interval(intercept, sd[0]),
        cost=log_ratio_cost(x, true),
        least_cost=_least_cost(*pools[2:]),
        tenths=_tenths(special.expit(x + before), true),
        at=at,
        repaired=repaired,
    )


def log_ratio_cost(log_ratio: ArrayLike, label: ArrayLike) -> float:
    """Bits per decision that the ratios cost, both classes weighted equally (Cllr).

    Parameters
    ----------
    log_ratio : array_like, shape (n,)
    label : array_like of bool, shape (n,)
        Both kinds must occur.

    Returns
    -------
    float
        0 for perfect ratios, 1 for ratios of 1; above 1 they are worse than none.

    Raises
    ------
    NotEnoughData
        When one kind does not occur.

    Examples
    --------
    >>> log_ratio_cost([0.0, 0.0, 0.0], [True, False, False])
    1.0
    """
    x, true = _checked(log_ratio, label)
    if true.all() or not true.any():
        raise NotEnoughData(
            f"log_ratio_cost: {int(true.sum())} compromised of {len(x)} labelled rows. "
            "Label some of each kind."
        )
    missed = np.logaddexp(0.0, -x[true]).mean()
    alarmed = np.logaddexp(0.0, x[~true]).mean()
    return float((missed + alarmed) / (2.0 * np.log(2.0)))


def _checked(log_ratio: ArrayLike, label: ArrayLike) -> tuple[Floats, Bools]:
    """Labelled rows whose ratio is known."""
    x, true = np.asarray(log_ratio, np.float64), np.asarray(label)
    good = x.ndim == 1 and true.shape == x.shape
    good = good and bool(np.isin(true, (0, 1)).all()) and not np.isinf(x).any()
    if not good:
        raise InvalidInput(
            f"calibrate_ratios: ratios {x.shape}, {int(np.isinf(x).sum())} infinite, "
            f"labels {true.shape} of {true.dtype}. Give one finite ratio and one truth "
            "per row."
        )
    seen = ~np.isnan(x)
    return x[seen], true[seen].astype(np.bool_)


def _interval(value: float, sd: float) -> tuple[float, float]:
    return value - 1.959964 * sd, value + 1.959964 * sd


def _pools(x: Floats, true: Bools) -> tuple[Floats, Floats, Floats, Floats]:
    """Pool adjacent violators: first and last ratio, rows and compromised of each."""
    values, at = np.unique(x, return_inverse=True)
    size = np.bincount(at).astype(np.float64)
    ones = np.bincount(at, true)
    start = optimize.isotonic_regression(ones / size, weights=size).blocks[:-1]
    last = np.append(start[1:], len(values)) - 1
    return (
        values[start],
        values[last],
        np.add.reduceat(size, start),
        np.add.reduceat(ones, start),
    )


def _corners(
    first: Floats, last: Floats, size: Floats, ones: Floats, share: float
) -> tuple[Floats, Floats]:
    """Corners of the monotone repair: one row at the common shares in every pool."""
    common = float(special.expit(share))
    smooth = (ones + common) / (size + 1.0)
    level = optimize.isotonic_regression(smooth, weights=size + 1.0).x
    value = special.logit(level) - share
    corners = np.column_stack([first, last]).ravel()
    kept = np.append(True, np.diff(corners) > 0)
    return corners[kept], np.repeat(value, 2)[kept]


def _least_cost(size: Floats, ones: Floats) -> float:
    """Cost of the monotone fit itself, whose ratios may be infinite."""
    hits, misses = ones.sum(), (size - ones).sum()
    one, zero = ones / hits, (size - ones) / misses
    # log2(1 + 1 / ratio) of the compromised and log2(1 + ratio) of the others.
    missed = special.xlogy(one, (one + zero) / np.where(one > 0, one, 1.0))
    alarmed = special.xlogy(zero, (one + zero) / np.where(zero > 0, zero, 1.0))
    return float((missed + alarmed).sum() / (2.0 * np.log(2.0)))


def _tenths(p: Floats, true: Bools) -> Tenths:
    tenth = np.minimum((p * 10.0).astype(np.int64), 9)
    n = np.bincount(tenth, minlength=10)
    some = np.where(n > 0, n, np.nan)
    ones = np.bincount(tenth, true, minlength=10)
    law = distributions.beta(ones + 0.5, some - ones + 0.5)
    lower, upper = (np.asarray(law.ppf(q), np.float64) for q in (0.025, 0.975))
    return Tenths(
        n=n.astype(np.int64),
        predicted=np.bincount(tenth, p, minlength=10) / some,
        observed=ones / some,
        lower=lower,
        upper=upper,
    )
