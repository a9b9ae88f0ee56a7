"""Which dependence of the evidence counts: that within sources, or within nights."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.evidence_tempering import EvidenceTempering, evidence_tempering
from stats.summary import InvalidInput, NotEnoughData

__all__ = ["TemperingChoice", "choose_tempering", "fixed_tempering", "own_tempering"]

Floats = NDArray[np.float64]

_CLUSTERS = ("source", "night")


@dataclass(frozen=True, slots=True)
class TemperingChoice:
    """Share of the evidence that counts, and why.

    Attributes
    ----------
    n : int
        Rows it was estimated from; 0 when it was not.
    value, lower, upper : float
        In (0, 1], with the 95 % interval; without an estimate all three are the value.
    cluster : str
        ``source`` or ``night``: whose rows share most of their noise; empty without an
        estimate.
    why : str
        As a sentence.
    """

    n: int
    value: float
    lower: float
    upper: float
    cluster: str
    why: str

    def __str__(self) -> str:
        return f"tempering {self.value:.3g}: {self.why}"


def choose_tempering(
    log_ratio: ArrayLike, units: ArrayLike, sources: ArrayLike, nights: ArrayLike
) -> TemperingChoice:
    """Estimate the share of independent evidence from rows of some agents.

    Parameters
    ----------
    log_ratio : array_like, shape (n,)
        Times the confidence.
    units : integer array_like, shape (n,)
        Agent, or agent and hypothesis; all rows of each.
    sources, nights : integer array_like, shape (n,)

    Returns
    -------
    TemperingChoice
        The smaller of the estimates by source and by night: what shares noise in
        either way is not counted twice.  1, and said so, where neither can be
        estimated.

    Raises
    ------
    InvalidInput
        For columns that do not fit.

    Notes
    -----
    See `stats.evidence_tempering`.  Sources of unequal strength look dependent, which
    errs towards caution.

    Examples
    --------
    >>> choose_tempering([1.0], [0], [0], [0]).value
    1.0
    """
    columns = {"source": sources, "night": nights}
    found: dict[str, EvidenceTempering] = {}
    for name in _CLUSTERS:
        try:
            found[name] = evidence_tempering(log_ratio, units, columns[name])
        except NotEnoughData:
            continue
    if not found:
        n = len(np.asarray(log_ratio))
        why = (
            f"not estimated: {n} rows, no two agents with evidence of two sources or "
            "nights that differs; rows count as independent"
        )
        return TemperingChoice(0, 1.0, 1.0, 1.0, "", why)
    name = min(found, key=lambda key: found[key].tempering)
    best = found[name]
    why = (
        f"rows of one {name} and agent correlate by {best.correlation:.3g}, "
        f"estimated from {best.n:,} rows of {best.agents:,} agents "
        f"[{best.lower:.3g}, {best.upper:.3g}]"
    )
    return TemperingChoice(best.n, best.tempering, best.lower, best.upper, name, why)


def fixed_tempering(value: float) -> TemperingChoice:
    """Take a share that somebody chose.

    Raises
    ------
    InvalidInput
        Outside (0, 1].
    """
    if not 0 < value <= 1:
        raise InvalidInput(
            f"tempering {value}, expected (0, 1]. Give the share of the evidence that "
            "is independent."
        )
    why = "rows count as independent" if value == 1 else "as was asked for"
    return TemperingChoice(0, value, value, value, "", why)


def own_tempering(
    log_ratio: ArrayLike,
    units: ArrayLike,
    sources: ArrayLike,
    nights: ArrayLike,
    n_sources: int,
) -> Floats:
    """Share of the evidence of each source that is independent, from its rows alone.

    Parameters
    ----------
    log_ratio, units, sources, nights : array_like, shape (n,)
        As for `choose_tempering`.
    n_sources : int

    Returns
    -------
    float64 array, shape (n_sources,)
        In (0, 1], by nights; where it cannot be estimated the median of the others, or
        1 without any.

    Notes
    -----
    Whatever a source sends moves its own share only, and the median by no more than a
    minority can.  An error that a source makes about an agent on all its nights is not
    seen from its rows alone.
    """
    x, unit = np.asarray(log_ratio, np.float64), np.asarray(units, np.int64)
    source, night = np.asarray(sources, np.int64), np.asarray(nights, np.int64)
    order = np.argsort(source, kind="stable")
    edges = np.searchsorted(source[order], np.arange(n_sources + 1))
    found = np.full(n_sources, np.nan)
    for k in range(n_sources):
        mine = order[edges[k] : edges[k + 1]]
        with contextlib.suppress(NotEnoughData):  # NaN says so
            found[k] = evidence_tempering(x[mine], unit[mine], night[mine]).tempering
    known = found[~np.isnan(found)]
    return np.where(np.isnan(found), np.median(known) if len(known) else 1.0, found)
