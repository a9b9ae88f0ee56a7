"""Regressions on nights whose errors have a memory: AR(1), with nights missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = [
    "MEMORY_RANGE",
    "SerialDesign",
    "SerialFit",
    "SerialMemory",
    "fit_serial",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Coefficients considered: what remembers more cannot be told from a trend.
MEMORY_RANGE = (-0.6, 0.95)
_GRID = np.linspace(*MEMORY_RANGE, 32)
# Weight of a coefficient c before the nights are seen: (1 - c²)^-_PRIOR, less with more
# groups.  A flat one finds the memory of a single group too short and the mean of a
# week too certain.
_PRIOR = 0.75
# Share of a series' sum of squares below which residuals are rounding.
_ROUNDING = 1e-20
# Groups from which on a feature has a law of its own.
_MANY = 8
# Quadrature over what is not known of the coefficient, in normal scores.
_SCORES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class SerialDesign:
    """Columns of a regression on the nights that each group has.

    Attributes
    ----------
    used : bool array, shape (g, T)
    columns : float64 array, shape (g, T, q)
        Zero on unused nights.  The `asked` ones first, as they were given; then an
        orthonormal basis of the others, some of it zero.
    asked : int
    known : bool array, shape (g,)
        Whether a group's nights determine the coefficients that are asked for.
    dof : int64 array, shape (g,)
        Nights minus coefficients.
    before, gap : int64 arrays, shape (g, T)
        The last used night before each, and how many nights ago; gap 0 for none.
    """

    used: Bools
    columns: Floats
    asked: int
    known: Bools
    dof: NDArray[np.int64]
    before: NDArray[np.int64]
    gap: NDArray[np.int64]

    @classmethod
    def of(cls, columns: Floats, used: Bools, asked: int) -> SerialDesign:
        """Prepare columns (T, q) or (g, T, q), the first `asked` to be estimated."""
        masked = np.where(used[..., None], columns, 0.0)
        first, rest = masked[..., :asked], masked[..., asked:]
        basis, rank = _orthonormal(rest)
        clear = first - basis @ (basis.swapaxes(1, 2) @ first)
        _, own = _orthonormal(clear)
        n, steps = used.sum(axis=1), used.shape[1]
        at = np.where(used, np.arange(steps), -1)
        last = np.maximum.accumulate(at, axis=1)
        before = np.concatenate([np.full((len(used), 1), -1), last[:, :-1]], axis=1)
        gap = np.where(used & (before >= 0), np.arange(steps) - before, 0)
        return cls(
            used,
            np.concatenate([first, basis], axis=2),
            asked,
            own == asked,
            (n - rank - own).astype(np.int64),
            np.maximum(before, 0).astype(np.int64),
            gap.astype(np.int64),
        )

    def take(self, groups: slice) -> SerialDesign:
        """Return the design of some groups."""
        return SerialDesign(
            self.used[groups],
            self.columns[groups],
            self.asked,
            self.known[groups],
            self.dof[groups],
            self.before[groups],
            self.gap[groups],
        )


def _orthonormal(columns: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Basis of columns (g, T, q), zero where dependent, and its rank."""
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    kept = s > 1e-8 * np.maximum(s[:, :1], 1.0)
    basis: Floats = np.where(kept[:, None, :], u, 0.0)
    return basis, kept.sum(axis=1)


@dataclass(frozen=True, slots=True)
class SerialFit:
    """Generalised least squares at one memory per series; leading axes (g, d).

    Attributes
    ----------
    coefficient : float64 array, shape (g, d, asked)
    inverse : float64 array, shape (g, d, asked, asked)
        Covariance of the coefficients in units of the error variance.
    scatter : float64 array, shape (g, d, d)
        Sums of squares and products of the whitened residuals.
    log_likelihood : float64 array, shape (g, d)
        Of the memory, coefficients and variance integrated out.
    """

    coefficient: Floats
    inverse: Floats
    scatter: Floats
    log_likelihood: Floats


def fit_serial(design: SerialDesign, series: Floats, memory: Floats) -> SerialFit:
    """Regress every series on the design, its errors an AR(1) process.

    Parameters
    ----------
    design : SerialDesign
    series : float64 array, shape (g, T, d)
        Finite on used nights.
    memory : float64 array, shape (g, d)
        Coefficient of every series.

    Notes
    -----
    A night minus ρ times the one before it, over √(1-ρ²) with ρ the coefficient to the
    power of the nights between, makes errors independent with the variance of a night.
    The likelihood is the restricted one: without it the memory is found too short.
    Source: Prais, Winsten, Cowles Discussion Paper 383 (1954); Patterson, Thompson,
    Biometrika 58 (1971).
    """
    x = _white(design, series[:, :, None, :].transpose(0, 3, 1, 2), memory)[..., 0]
    columns = _white(design, design.columns[:, None], memory)
    empty = np.all(design.columns == 0, axis=1)[:, None]
    gram = np.einsum("gdtq,gdtp->gdqp", columns, columns, optimize=True)
    gram = gram + np.eye(gram.shape[-1]) * empty[..., None]
    undetermined = np.eye(gram.shape[-1]) * 1e-12 * ~design.known[:, None, None, None]
    gram = gram + undetermined
    inverse = np.linalg.inv(gram)
    right = np.einsum("gdtq,gdt->gdq", columns, x)
    beta = np.einsum("gdqp,gdp->gdq", inverse, right)
    left = x - np.einsum("gdtq,gdq->gdt", columns, beta)
    # What is left of a series that the columns explain is rounding: no spread at all.
    left = left * ((left**2).sum(2) > _ROUNDING * (x**2).sum(2))[..., None]
    scatter = np.einsum("gdt,get->gde", left, left, optimize=True)
    own = np.einsum("gdd->gd", scatter)
    change = np.log1p(-(_power(memory, design.gap) ** 2) * (design.gap > 0)[:, None])
    size = np.linalg.slogdet(gram)[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = design.dof[:, None] * np.log(own)
    likelihood = -0.5 * (change.sum(axis=2) + size + fit)
    k = design.asked
    return SerialFit(beta[..., :k], inverse[..., :k, :k], scatter, likelihood)


def _power(memory: Floats, gap: NDArray[np.int64]) -> Floats:
    """Memory (g, d) to the power of gaps (g, T), shape (g, d, T)."""
    found: Floats = memory[:, :, None] ** gap[:, None, :].astype(np.float64)
    return np.where(gap[:, None, :] > 0, found, 0.0)


def _white(design: SerialDesign, columns: Floats, memory: Floats) -> Floats:
    """Whiten columns (g, 1 or d, T, q) with a memory (g, d): (g, d, T, q)."""
    index = design.before[:, None, :, None]
    past = np.take_along_axis(columns, index, axis=2)
    rho = _power(memory, design.gap)[..., None]
    used = design.used[:, None, :, None]
    white = (columns - rho * past) / np.sqrt(1.0 - rho**2)
    return np.where(used, white, 0.0)


@dataclass(frozen=True, slots=True)
class SerialMemory:
    """What the nights tell of the memory of every series.

    Attributes
    ----------
    estimate, error : float64 arrays, shape (g, d)
        Mean and standard deviation of the coefficient.
    nodes : float64 array, shape (k, g, d)
        Coefficients at which a result is computed, to be averaged with
    weight : float64 array, shape (k,)
    """

    estimate: Floats
    error: Floats
    nodes: Floats
    weight: Floats

    @classmethod
    def estimate_from(cls, design: SerialDesign, series: Floats) -> SerialMemory:
        """Weigh every coefficient by its likelihood and by what other groups have.

        Notes
        -----
        Groups of a level are taken as drawn from one normal law per feature, whose mean
        and spread are estimated; below eight groups all features share one.  Averaging
        a tail over the nodes, not taking it at the best coefficient, keeps its level
        when nights are few: the step that leads from the normal to Student's law.
        Source: DerSimonian, Laird, Controlled Clinical Trials 7 (1986), for the spread.
        """
        g, _, d = series.shape
        ones, grid = np.ones((g, d)), _GRID[:, None, None]
        log = np.stack(
            [fit_serial(design, series, c * ones).log_likelihood for c in _GRID]
        )
        seen = np.isfinite(log).all(axis=0) & (design.dof > 0)[:, None]
        log = np.where(
            seen, log - _PRIOR / np.sqrt(max(g, 1)) * np.log1p(-(grid**2)), 0.0
        )
        own = special.softmax(log, axis=0)
        mean = (grid * own).sum(axis=0)
        noise = ((grid - mean) ** 2 * own).sum(axis=0)
        if seen.sum() > 1:
            axis = 0 if g >= _MANY else (0, 1)
            centre, spread = _between(mean, np.where(seen, noise, np.inf), axis)
            own = special.softmax(log - 0.5 * (grid - centre) ** 2 / spread, axis=0)
            mean = (grid * own).sum(axis=0)
            noise = ((grid - mean) ** 2 * own).sum(axis=0)
        estimate = np.where(seen, mean, np.nan)
        return cls(estimate, np.sqrt(noise), _quantiles(own), _WEIGHTS)


def _between(
    mean: Floats, noise: Floats, axis: int | tuple[int, int]
) -> tuple[Floats, Floats]:
    """Mean over axes and variance along them, noise taken out."""
    weight = 1.0 / noise
    total = np.maximum(weight.sum(axis=axis, keepdims=True), 1e-12)
    known = (weight > 0).sum(axis=axis, keepdims=True)
    centre = (weight * mean).sum(axis=axis, keepdims=True) / total
    excess = (weight * (mean - centre) ** 2).sum(axis=axis, keepdims=True) - (known - 1)
    scale = total - (weight**2).sum(axis=axis, keepdims=True) / total
    between = excess / np.where(scale > 0, scale, np.inf)
    return centre, np.maximum(between, 0.0) + 1.0 / total


def _quantiles(own: Floats) -> Floats:
    """Coefficients at the normal scores of the quadrature, shape (k, g, d)."""
    below = np.cumsum(own, axis=0) - own / 2.0
    levels = special.ndtr(_SCORES)
    flat = below.reshape(len(_GRID), -1)
    found = [np.interp(levels, column, _GRID) for column in flat.T]
    return np.array(found).T.reshape(len(levels), *own.shape[1:])
