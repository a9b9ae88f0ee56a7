"""Which nights and features a test of drift looks at, and its regression columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.season import MIN_NIGHTS, weekday_columns
from stats.summary import Incompatible, InvalidInput

__all__ = ["choose", "shift_columns", "windows"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def windows(x: Floats, recent: int, reference: slice | None) -> tuple[Floats, Bools]:
    """Column of the shift (T,), and which nights count at all (T,).

    Raises
    ------
    Incompatible
        For means that are not (T, g, d).
    InvalidInput
        When a window is empty, or they overlap.
    """
    if x.ndim != 3:
        raise Incompatible(f"detect_drift: means {x.shape}. Give (T, g, d).")
    nights = len(x)
    if not 1 <= recent < nights:
        raise InvalidInput(
            f"detect_drift: {recent} recent of {nights} nights. Leave at least one "
            "night on either side."
        )
    step = np.zeros(nights)
    step[nights - recent :] = 1.0
    before = np.zeros(nights, dtype=bool)
    before[slice(0, nights - recent) if reference is None else reference] = True
    if not before.any() or (before & (step > 0)).any():
        raise InvalidInput(
            f"detect_drift: reference {reference} of {nights} nights holds none, or "
            f"some of the last {recent}. Give nights before the recent window."
        )
    return step, before | (step > 0)


def choose(x: Floats, step: Floats, within: Bools) -> tuple[Bools, Bools]:
    """Which features count (g, d), and which nights (g, T)."""
    seen = np.isfinite(x) & within[:, None, None]
    present = seen.any(axis=2)
    steady = 2 * seen.sum(axis=0) >= present.sum(axis=0)[:, None]
    wanted = steady & seen[step > 0].any(axis=0) & seen[step == 0].any(axis=0)
    used = (seen | ~wanted).all(axis=2) & present & wanted.any(axis=1)
    return wanted, used.T


def shift_columns(used: Bools, step: Floats, weekday: ArrayLike | None) -> Floats:
    """Shift, mean, and weekdays where a group has three weeks: (g, T, q)."""
    columns = np.stack([step, np.ones(len(step))], axis=1)
    wide = np.broadcast_to(columns, (len(used), *columns.shape))
    if weekday is None:
        return wide
    season = weekday_columns(weekday, len(step))
    enough = used.sum(axis=1) >= MIN_NIGHTS
    return np.concatenate([wide, season * enough[:, None, None]], axis=2)
