"""Kinds of change that have a law, and what is known of one of them per agent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TESTED", "KindScores"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Kinds with a law, in the order of the columns of every array of scores.
TESTED = (
    "mean shift",
    "variance inflation",
    "correlation break",
    "slow drift",
    "silence",
)


@dataclass(frozen=True, slots=True, eq=False)
class KindScores:
    """Scores of a block of agents for one kind.

    Attributes
    ----------
    log_p : float64 array, shape (m,)
        Natural logarithm of a parametric p: orders agents, before calibration.
    size : float64 array, shape (m,)
    length : int64 array, shape (m,)
        Nights since it began, in the fit of the kind.
    parts : float64 array, shape (m, d)
        What each feature adds, >= 0.
    gain : float64 array, shape (m,)
        Twice the log-likelihood gained, to tell kinds apart that share evidence: steps
        and ramps as normal nights, scatter and correlation as t nights about these.
        NaN for silence.
    """

    log_p: Floats
    size: Floats
    length: Ints
    parts: Floats
    gain: Floats
