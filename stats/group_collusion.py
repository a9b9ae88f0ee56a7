"""Whether the members of whole groups move together more than by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.gamma_tail import log_chi2_tail
from stats.series_input import check_series
from stats.summary import InvalidInput

__all__ = ["GroupCollusion", "group_collusion"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Values of z that are looked at at once.
_CELLS = 1 << 19


@dataclass(frozen=True, slots=True, eq=False)
class GroupCollusion:
    """The test of every group.

    Attributes
    ----------
    n : int64 array, shape (g,)
        Members with at least one value.
    steps : int64 array, shape (g,)
        Steps at which at least two members have a value.
    variance : float64 array, shape (g,)
        Variance over steps (ddof 1) of Σ z / √(members there): about 1 for independent
        members, 1 + (n - 1) ρ if any two correlate by ρ.  NaN for fewer than two
        members or steps.
    log_p, p : float64 arrays, shape (g,)
        Of a variance that large or larger.
    """

    n: Ints
    steps: Ints
    variance: Floats
    log_p: Floats
    p: Floats

    def __repr__(self) -> str:
        tested = int(np.isfinite(self.p).sum())
        return (
            f"GroupCollusion: n={self.n.sum():_} | groups={len(self.n):_} | {tested=}"
        )


def group_collusion(
    z: ArrayLike,
    groups: ArrayLike,
    n_groups: int,
    *,
    effective_steps: ArrayLike | None = None,
) -> GroupCollusion:
    """Test groups for moving together, by the variance of their sum over time.

    Parameters
    ----------
    z : array_like, shape (n, T)
        Standardised residuals: mean 0 and variance 1 for each member, with what all
        members share for good reason (site, team and night effects) taken out.  NaN and
        infinities are missing, and nothing is filled in for them.
    groups : integer array_like, shape (n,)
        In [0, n_groups); -1 leaves a series out.
    n_groups : int
    effective_steps : float or float array_like, shape (g,), optional
        How many independent steps a series is worth, more than 1; its observed steps by
        default, which is too many for series with memory: for AR(1) with coefficient φ
        T (1 - φ²) / (1 + φ²).

    Returns
    -------
    GroupCollusion

    Raises
    ------
    InvalidInput
        When shapes do not fit, a group is out of range, or effective steps are not > 1.

    Notes
    -----
    (T - 1) V / m ~ χ² with T - 1 degrees of freedom for V = Var Σ z of m independent
    members; with correlation ρ that divided by 1 + (m - 1) ρ.  Series standardised by
    their own mean and sd instead of a baseline's give a slightly conservative p.

    Examples
    --------
    >>> z = np.array([[-1.0, 1.0, -1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]])
    >>> group_collusion(z, [0, 0], 1).variance.round(3)
    array([2.667])
    """
    x, codes = check_series("group_collusion", z, groups, n_groups)
    totals, there = np.zeros((2, n_groups, x.shape[1]))
    n = np.zeros(n_groups, dtype=np.int64)
    rows = max(1, _CELLS // max(x.shape[1], 1))
    for first in range(0, len(x), rows):
        some = slice(first, first + rows)
        kept = codes[some] >= 0
        part, to = x[some][kept].astype(np.float64), codes[some][kept]
        seen = np.isfinite(part)
        np.add.at(totals, to, np.where(seen, part, 0.0))
        np.add.at(there, to, seen)
        n += np.bincount(to[seen.any(axis=1)], minlength=n_groups)
    used = there >= 2
    steps = used.sum(axis=1)
    scaled = np.where(used, totals / np.sqrt(np.where(used, there, 1.0)), 0.0)
    mean = scaled.sum(axis=1) / np.maximum(steps, 1)
    square = np.where(used, (scaled - mean[:, None]) ** 2, 0.0).sum(axis=1)
    variance = np.where(steps >= 2, square / np.maximum(steps - 1, 1), np.nan)
    dof = _effective(effective_steps, steps) - 1.0
    log_p = log_chi2_tail(dof * variance, dof)
    return GroupCollusion(n, steps, variance, log_p, np.exp(log_p))


def _effective(given: ArrayLike | None, steps: Ints) -> Floats:
    if given is None:
        return steps.astype(np.float64)
    asked = np.asarray(given, np.float64)
    if asked.shape not in ((), steps.shape) or not (asked > 1.0).all():
        raise InvalidInput(
            f"group_collusion: effective_steps of shape {asked.shape}, at least "
            f"{asked.min(initial=np.inf)}, for {len(steps)} groups. "
            "Give one number above 1, or one per group."
        )
    return np.minimum(asked, steps)
