"""Which nights of a series fit, which calibrate, and how long windows may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["WINDOW", "NightPlan", "plan_nights"]

# Longest step in nights, and the shortest that a ramp is cut to.
WINDOW, LEAST_WINDOW = 7, 3


@dataclass(frozen=True, slots=True)
class NightPlan:
    """Which nights fit, calibrate and are tested.

    Attributes
    ----------
    fit : int
        The oldest nights.
    at : int
        Tonight.
    nulls : tuple of int
        Nights to calibrate on: their windows hold neither fit nights nor any night
        of tonight's window.  Empty when there are too few nights.
    window, drift : int
        Longest step and longest ramp that are looked for.
    """

    fit: int
    at: int
    nulls: tuple[int, ...]
    window: int
    drift: int


def plan_nights(total: int, *, window: int = WINDOW, nulls: int = 2) -> NightPlan:
    """Choose fit nights, null nights and windows for a series of `total` nights.

    Parameters
    ----------
    total : int
        Tonight is the last.
    window : int
        Longest step, in nights, where there are enough.
    nulls : int
        Nights wanted to calibrate on; few agents need more of them.

    Notes
    -----
    The older half of the nights before tonight is the reference.  Windows are as long
    as leaves `nulls` nights between the reference and tonight's window: ramps up to
    twice `window`, at least 3 nights.
    """
    fit = (total - 1) // 2
    longest = (total - fit + 1 - nulls) // 2
    drift = int(np.clip(longest, LEAST_WINDOW, 2 * window))
    free = tuple(range(fit + drift - 1, total - drift))
    return NightPlan(fit, total - 1, free, min(window, drift), drift)
