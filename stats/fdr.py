"""Many tests at once: Simes within a group, false discovery over a family."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as distributions

from stats.summary import InvalidInput

__all__ = ["control_false_discovery", "log_simes", "q_values", "simes"]

Method = Literal["bh", "by"]
Floats = NDArray[np.float64]


def control_false_discovery(
    p: ArrayLike, q: float = 0.05, method: Method = "bh"
) -> NDArray[np.bool_]:
    """Which tests are discoveries at a false-discovery rate of q.

    Parameters
    ----------
    p : array_like, shape (n,)
        p-values in [0, 1].  NaN means not tested: dropped first, never rejected.
    q : float
        Largest expected share of false discoveries, in (0, 1).
    method : {"bh", "by"}
        "bh" holds for independent or positively dependent tests, "by" for any
        dependence at the cost of a factor Σ 1/i (14.4 at a million tests).

    Returns
    -------
    bool array, shape (n,)

    Raises
    ------
    InvalidInput
        For p outside [0, 1], q outside (0, 1) or another method.

    Notes
    -----
    The rate holds per call: for this family, on this night.
    Source: Benjamini, Hochberg, JRSS B 57 (1995); Benjamini, Yekutieli, Annals of
    Statistics 29 (2001).

    Examples
    --------
    >>> control_false_discovery([0.001, 0.8, float("nan")])
    array([ True, False, False])
    """
    if not 0.0 < q < 1.0:
        raise InvalidInput(
            f"control_false_discovery: q {q} is not in (0, 1). Give 0.05 for 5 %."
        )
    adjusted = q_values(p, method)
    found: NDArray[np.bool_] = np.nan_to_num(adjusted, nan=2.0) <= q
    return found


def q_values(p: ArrayLike, method: Method = "bh") -> Floats:
    """Smallest false-discovery rate at which each test is a discovery.

    Parameters
    ----------
    p : array_like, shape (n,)
        p-values in [0, 1]; NaN is not tested and not counted in the family.
    method : {"bh", "by"}

    Returns
    -------
    float64 array, shape (n,)
        In [0, 1]; NaN stays NaN.

    Raises
    ------
    InvalidInput
        For p outside [0, 1], not one-dimensional, or another method.
    """
    values = np.asarray(p, np.float64)
    if method not in ("bh", "by"):
        raise InvalidInput(f"q_values: unknown method {method!r}. Use 'bh' or 'by'.")
    tested = ~np.isnan(values)
    kept = values[tested]
    if values.ndim != 1 or ((kept < 0) | (kept > 1)).any():
        raise InvalidInput(
            f"q_values: p of shape {values.shape} within "
            f"[{kept.min(initial=np.inf)}, {kept.max(initial=-np.inf)}]. "
            "Give one p in [0, 1] per test."
        )
    out = np.full(values.shape, np.nan)
    if kept.size:
        out[tested] = distributions.false_discovery_control(kept, method=method)
    return out


def simes(p: ArrayLike, groups: ArrayLike, n_groups: int) -> Floats:
    """Combine the p-values of each group into one test with its own level.

    Parameters
    ----------
    p : array_like, shape (n,)
        NaN is not tested and not counted.
    groups : integer array_like, shape (n,)
        In [0, n_groups); -1 leaves the test out.
    n_groups : int

    Returns
    -------
    float64 array, shape (n_groups,)
        min over k of L p₍ₖ₎ / k over the group's L tests; NaN without tests.

    Raises
    ------
    InvalidInput
        When p and groups differ in shape.

    Notes
    -----
    Level alpha for independent or positively dependent tests: one test over several
    levels of a hierarchy, not a vote.  Source: Simes, Biometrika 73 (1986).

    Examples
    --------
    >>> simes([0.01, 0.03, 0.5], [0, 0, 1], 2)
    array([0.02, 0.5 ])
    """
    values, codes = np.asarray(p, np.float64), np.asarray(groups, np.int64)
    if values.shape != codes.shape or values.ndim != 1:
        raise InvalidInput(
            f"simes: p {values.shape} and groups {codes.shape} differ. "
            "Give the group of every p."
        )
    out = np.full(n_groups, np.nan)
    kept, factor, start, some = _ranked(values, codes, n_groups)
    if some.any():
        out[some] = np.minimum(np.minimum.reduceat(factor * kept, start), 1.0)
    return out


def log_simes(log_p: ArrayLike, groups: ArrayLike, n_groups: int) -> Floats:
    """Natural logarithm of `simes`, of p-values too small for a float.

    Parameters
    ----------
    log_p : array_like, shape (n,)
        Natural logarithms, at most 0; NaN is not tested and not counted.
    groups, n_groups
        As for `simes`.

    Returns
    -------
    float64 array, shape (n_groups,)
        At most 0; NaN without tests.

    Raises
    ------
    InvalidInput
        As `simes`.

    Examples
    --------
    >>> log_simes([-5_000.0, -1.0], [0, 0], 1).round(3)
    array([-4999.307])
    """
    values, codes = np.asarray(log_p, np.float64), np.asarray(groups, np.int64)
    if values.shape != codes.shape or values.ndim != 1:
        raise InvalidInput(
            f"log_simes: log p {values.shape} and groups {codes.shape} differ. "
            "Give the group of every p."
        )
    out = np.full(n_groups, np.nan)
    kept, factor, start, some = _ranked(values, codes, n_groups)
    if some.any():
        scaled = np.log(factor) + kept
        out[some] = np.minimum(np.minimum.reduceat(scaled, start), 0.0)
    return out


def _ranked(
    values: Floats, codes: NDArray[np.int64], n_groups: int
) -> tuple[Floats, Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """Tested values by group and size, L / k, where groups start, which have any."""
    tested = ~np.isnan(values) & (codes >= 0)
    values, codes = values[tested], codes[tested]
    order = np.lexsort((values, codes))
    values, codes = values[order], codes[order]
    size = np.bincount(codes, minlength=n_groups)
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    rank = np.arange(len(codes)) - start[codes] + 1
    some = size > 0
    return values, size[codes] / rank, start[some], some
