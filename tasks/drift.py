"""Drift and season of the groups of one level, bound to the nights of a view."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.drift import Drift, detect_drift
from stats.season import Season, weekday_season

__all__ = ["RECENT", "LevelDrift", "level_drift"]

# Nights of the recent window, tonight included.
RECENT = 7
# Nights needed before anything is compared.
_LEAST = 14


@dataclass(frozen=True, slots=True)
class LevelDrift:
    """How the nights of one level move; on the scale on which features are compared.

    Attributes
    ----------
    season : Season
        Weekday effects over the window, tonight included.
    week : Drift
        The last seven nights against the window before them.
    tonight : Drift
        Tonight alone against the window before it.
    slow : Drift
        The last seven nights against the older half of the window: sees the slow drift
        that a window rolling along with it absorbs.
    """

    season: Season
    week: Drift
    tonight: Drift
    slow: Drift


def level_drift(
    nights: Sequence[str],
    cells: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> LevelDrift | None:
    """Test the groups of one level.

    Parameters
    ----------
    nights : sequence of str
        ISO dates, tonight last.
    cells, variances : float64 arrays, shape (T, g, d)
        Nightly mean and variance over agents of their transformed means.

    Returns
    -------
    LevelDrift or None
        None for fewer than 14 nights.
    """
    if len(nights) < _LEAST:
        return None
    weekday = np.array([dt.date.fromisoformat(night).weekday() for night in nights])
    older = slice(0, len(nights) // 2)
    return LevelDrift(
        season=weekday_season(cells, weekday),
        week=detect_drift(cells, recent=RECENT, weekday=weekday, variances=variances),
        tonight=detect_drift(cells, recent=1, weekday=weekday, variances=variances),
        slow=detect_drift(cells, recent=RECENT, reference=older, weekday=weekday),
    )
