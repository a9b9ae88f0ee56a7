"""What to send first over a narrow line: information per byte of a backlog."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.backlog import (
    Backlog,
    after_last,
    between_ends,
    nearest_delivered,
    remaining_variance,
)
from stats.summary import InvalidInput

__all__ = ["Objective", "information_value", "plan_transfer"]


class Objective(StrEnum):
    """Whose error a transfer shall make small.

    Attributes
    ----------
    CURRENT
        The mean of the newest night.
    WINDOW
        The mean over all nights of the window.
    BOTH
        The sum of the two variances, each relative to what it is at the beginning.
    """

    CURRENT = "current"
    WINDOW = "window"
    BOTH = "both"


def information_value(
    mass: ArrayLike,
    volatility: ArrayLike,
    delivered: ArrayLike,
    nbytes: ArrayLike,
    objective: Objective | str,
) -> NDArray[np.float64]:
    """Variance that each night on offer would take away, per byte.

    Parameters
    ----------
    mass, volatility, delivered, nbytes
        As the attributes of `Backlog`.
    objective : Objective

    Returns
    -------
    float64 array, shape (s, b)
        Share of the present variance per byte; 0 where nothing is on offer.

    Raises
    ------
    InvalidInput
        As `Backlog`, and for an unknown objective.

    Examples
    --------
    Of two missing nights at the end the newest tells more of tonight.

    >>> information_value([1.0], [4.0], [[1, 0, 0]], [[0, 10, 10]], "current")
    array([[0.  , 0.05, 0.1 ]])
    """
    backlog = Backlog(
        np.asarray(mass, dtype=np.float64),
        np.asarray(volatility, dtype=np.float64),
        np.asarray(delivered, dtype=np.bool_),
        np.asarray(nbytes, dtype=np.float64),
    )
    weight = backlog.mass**2 * backlog.volatility
    gain = _gain(backlog.delivered, weight, _coefficients(backlog, objective))
    return _per_byte(gain, backlog.nbytes)


def plan_transfer(
    backlog: Backlog, budget_bytes: float, objective: Objective | str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order in which nights are sent: always the one that is worth most per byte.

    Parameters
    ----------
    backlog : Backlog
    budget_bytes : float
        Most bytes in all; infinity orders everything.  A night that does not fit any
        more is passed over for one that does.
    objective : Objective

    Returns
    -------
    site, night : int64 array, shape (k,)
        Of the nights to send, first to last.  Of equals the newest comes first, then
        the site that stands first.

    Raises
    ------
    InvalidInput
        For a negative or missing budget or an unknown objective.

    Notes
    -----
    Greedy; a night that is sent changes what the others of its site are worth and no
    other, so only that site is scored again: O(k (s + b)) in all.

    Examples
    --------
    >>> one = np.array([1.0])
    >>> missing = np.zeros((1, 3), dtype=bool)
    >>> nights = Backlog(one, one, missing, np.full((1, 3), 10.0))
    >>> plan_transfer(nights, 20, "window")
    (array([0, 0]), array([1, 2]))
    """
    if not budget_bytes >= 0:
        raise InvalidInput(
            f"plan_transfer: budget_bytes is {budget_bytes}. Give 0 or more."
        )
    coefficients = _coefficients(backlog, objective)
    weight = backlog.mass**2 * backlog.volatility
    here, offered = backlog.delivered.copy(), backlog.nbytes.copy()
    score = _ranked(_gain(here, weight, coefficients), offered)
    best = _newest_best(score)
    sites: list[int] = []
    nights: list[int] = []
    left = float(budget_bytes)
    every = np.arange(len(weight))
    while len(every):
        top = score[every, best]
        site = int(np.argmax(np.where(top == top.max(), best, -1)))
        night = int(best[site])
        if np.isneginf(score[site, night]):
            break
        if offered[site, night] <= left:
            left -= float(offered[site, night])
            sites.append(site)
            nights.append(night)
            here[site, night] = True
        offered[site, night] = 0.0
        one = slice(site, site + 1)
        gain = _gain(here[one], weight[one], coefficients)
        score[one] = _ranked(gain, offered[one])
        best[one] = _newest_best(score[one])
    return np.array(sites, dtype=np.int64), np.array(nights, dtype=np.int64)


def _coefficients(backlog: Backlog, objective: Objective | str) -> tuple[float, float]:
    """Weights of both variances: one over what each is now."""
    try:
        wanted = Objective(objective)
    except ValueError as error:
        raise InvalidInput(
            f"objective {objective!r} is unknown. Give {', '.join(Objective)}."
        ) from error
    now = remaining_variance(backlog)
    current = wanted is not Objective.WINDOW and now.current > 0
    window = wanted is not Objective.CURRENT and now.window > 0
    return (
        1 / now.current if current else 0.0,
        1 / now.window if window else 0.0,
    )


def _gain(
    here: NDArray[np.bool_],
    weight: NDArray[np.float64],
    coefficients: tuple[float, float],
) -> NDArray[np.float64]:
    """Weighted variance that each missing night would take away; 0 if delivered."""
    nights = here.shape[1]
    before, after = nearest_delivered(here)
    place = np.arange(nights)
    older, newer, last = place - before - 1, after - place - 1, after == nights
    gap = after - before - 1
    now = np.where(last, after_last(gap), between_ends(gap))
    then = between_ends(older) + np.where(last, after_last(newer), between_ends(newer))
    current = np.where(last, place - before, 0)
    found = coefficients[0] * current + coefficients[1] * (now - then) / nights**2
    return np.where(here, 0.0, weight[:, None] * found)


def _per_byte(
    gain: NDArray[np.float64], nbytes: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.divide(gain, nbytes, out=np.zeros_like(gain), where=nbytes > 0)


def _ranked(
    gain: NDArray[np.float64], nbytes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Value per byte; minus infinity for what is not on offer."""
    return np.where(nbytes > 0, _per_byte(gain, nbytes), -np.inf)


def _newest_best(score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Night of the highest score of each site, of equals the newest."""
    best: NDArray[np.int64] = score.shape[1] - 1 - np.argmax(score[:, ::-1], axis=1)
    return best
