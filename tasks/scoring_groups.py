"""Which teams and sites stand out tonight, each against its own nights before.

A reported p-value is never the bare F law: real behaviour has heavy tails.  The
family is recalibrated on its own past, and the false-discovery rate is controlled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.anomaly import control_false_discovery, history_shift, q_values
from stats.calibration import TailCounts
from tasks.baselines import LevelNights

__all__ = ["GroupFamily", "score_groups"]


@dataclass(frozen=True, slots=True)
class GroupFamily:
    """Teams or sites tonight; arrays along the group axis, NaN where not tested."""

    labels: tuple[str, ...]
    agents: NDArray[np.int64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    found: NDArray[np.bool_]
    contributions: NDArray[np.float64]
    null_size: int


def score_groups(level: LevelNights, *, q: float = 0.05) -> GroupFamily:
    """Test tonight's mean vector of every group against its own nights before.

    Parameters
    ----------
    level : LevelNights
    q : float
        False-discovery rate over the groups of the level.

    Returns
    -------
    GroupFamily
        A group is tested when it has at least 2 d + 2 nights and is here tonight.

    Notes
    -----
    Hotelling's F law per group, recalibrated on the leave-one-out p-values of all
    groups and nights: their pool is the null, so common shocks of the past count.
    """
    shift = history_shift(level.cells[:-1], level.cells[-1])
    null = shift.null_log_p.ravel()
    pool = TailCounts.from_block(null, np.zeros(len(null), dtype=np.int64), 1)
    p = pool.calibrate(shift.log_p, np.zeros(len(level.labels), dtype=np.int64))
    return GroupFamily(
        labels=level.labels,
        agents=level.agents[-1],
        p=p,
        q=q_values(p),
        found=control_false_discovery(p, q),
        contributions=shift.contributions,
        null_size=int(pool.size.sum()),
    )
