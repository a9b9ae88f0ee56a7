"""Sources that differ from all others: a reason to look, without any consequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as distributions

from stats.source_table import checked_table, left_out_consensus
from stats.summary import NotEnoughData

__all__ = ["SUSPICIOUS", "Suspicion", "suspicion"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUSPICIOUS = float(-np.log(0.01))
"""Score from which on a source is worth a look: one honest one in a hundred has it."""

_FEWEST_SOURCES, _FEWEST_AGENTS = 4, 3
_ONE_SIDED = np.array([False, True, True, False])  # offset, spread, largest, slope


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Suspicion:
    """How much every source differs; arrays of shape (s,).

    Attributes
    ----------
    n : int64 array
        Agents about whom the source and another one spoke.
    score : float64 array
        -log p of the largest difference, times the four that were looked for; 0 is
        like the others, NaN where fewer than three agents are shared.
    offset : float64 array
        Mean difference to what the others say.
    spread : float64 array
        Root mean square of that difference.
    largest : float64 array
        Largest size of it: about one agent something else is said.
    slope : float64 array
        Change with what the others say: about as that of others, below 0 the opposite.

    Notes
    -----
    No proof: whoever sees what nobody else sees differs as well.  Nothing may be
    excluded by it.
    """

    n: Ints
    score: Floats
    offset: Floats
    spread: Floats
    largest: Floats
    slope: Floats

    def __repr__(self) -> str:
        worth = np.flatnonzero(np.nan_to_num(self.score) >= SUSPICIOUS).tolist()
        return (
            f"Suspicion: n={int(self.n.sum()):_} | sources={len(self.n)} | "
            f"worth a look={worth}"
        )


def suspicion(table: ArrayLike) -> Suspicion:
    """Score how much every source differs from the others.

    Parameters
    ----------
    table : array_like, shape (agents, sources)
        Mean ratios as `stats.source_table.source_table` gives them, so that a busy
        source does not differ by being busy; NaN where a source has said nothing.

    Returns
    -------
    Suspicion

    Raises
    ------
    InvalidInput
        For another shape, or infinite ratios.
    NotEnoughData
        With fewer than 4 sources.

    Notes
    -----
    Every source is compared with the trimmed mean of the others, agent by agent.  Its
    offset, spread, largest gap and slope are compared with the median source; the scale
    is the median absolute deviation over sources together with its own standard error.
    Tails are Student's with 0.37 (s - 1) degrees of freedom, what a median absolute
    deviation of s values is worth.  A smaller spread or gap is no reason for suspicion.
    Honest sources of unequal strength reach the score more often: 5 % of them where the
    logarithm of the strength has an sd of 0.5.
    Source: Huber, Ronchetti, Robust Statistics (2009), section 5.1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = rng.standard_normal((400, 10))
    >>> table[:, 7:] += 50.0
    >>> suspicion(table)
    Suspicion: n=4_000 | sources=10 | worth a look=[7, 8, 9]
    """
    x = checked_table(table, "suspicion")
    if x.shape[1] < _FEWEST_SOURCES:
        raise NotEnoughData(
            f"suspicion: {x.shape[1]} sources. With fewer than {_FEWEST_SOURCES} "
            "nobody can tell who differs."
        )
    others = left_out_consensus(x)
    gap = x - others
    shared = ~np.isnan(gap)
    n = shared.sum(axis=0)
    signs, errors = _signs(np.where(shared, x, 0.0), np.where(shared, others, 0.0), n)
    away = np.stack([_studentised(*pair) for pair in zip(signs, errors, strict=True)])
    one_sided = _ONE_SIDED[:, None]
    dof = max(1.0, 0.37 * (x.shape[1] - 1))
    tail = distributions.t.logsf(np.where(one_sided, away, np.abs(away)), dof)
    tail = np.where(one_sided, tail, tail + np.log(2.0))
    least = np.fmin.reduce(tail, axis=0)
    return Suspicion(
        n=n.astype(np.int64),
        score=np.maximum(-least - np.log(len(_ONE_SIDED)), 0.0),
        offset=signs[0],
        spread=np.exp(signs[1]),
        largest=np.exp(signs[2]),
        slope=signs[3],
    )


def _signs(x: Floats, other: Floats, n: Ints) -> tuple[Floats, Floats]:
    """Offset, log spread, log largest and slope of sources, and their errors."""
    count = np.where(n >= _FEWEST_AGENTS, n, np.nan)
    gap = x - other
    offset = gap.sum(axis=0) / count
    square = gap**2
    power = square.sum(axis=0) / count
    fourth = (square**2).sum(axis=0) / count
    power = np.where(power > 0, power, np.nan)
    largest = np.abs(gap).max(axis=0, initial=0.0)
    largest = np.where(largest > 0, largest, np.nan)
    centre = other.sum(axis=0) / count
    width = (other**2).sum(axis=0) / count - centre**2
    width = np.where(width > 1e-12 * power, width, np.nan)
    mean = x.sum(axis=0) / count
    slope = ((x * other).sum(axis=0) / count - mean * centre) / width
    own = (x**2).sum(axis=0) / count - mean**2
    rest = np.maximum(own - slope**2 * width, 0.0)
    errors = [
        np.sqrt(np.maximum(power - offset**2, 0.0) / count),
        np.sqrt(np.maximum(fourth / power**2 - 1.0, 0.0) / count) / 2.0,
        1.28 / (2.0 * np.log(count)),  # of the largest of as many normal values
        np.sqrt(rest / width / count),
    ]
    signs = [offset, np.log(power) / 2.0, np.log(largest), slope]
    return np.stack(signs), np.stack(errors)


def _studentised(value: Floats, error: Floats) -> Floats:
    """Distance to the median source in units of what sources usually differ."""
    known = ~np.isnan(value)
    if known.sum() < _FEWEST_SOURCES:
        return np.full(value.shape, np.nan)
    away = value - np.median(value[known])
    usual = 1.4826 * np.median(np.abs(away[known]))
    scale = np.hypot(usual, error)
    return np.where(away == 0, 0.0, away / np.where(scale > 0, scale, np.nan))
