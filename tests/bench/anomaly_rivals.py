"""What others make of the same agents: scores per agent, the larger the stranger."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stats.changes import (
    Changes,
    NightPlan,
    OwnBaseline,
    change_null,
    change_scores,
    find_changes,
)
from tests.residuals import Residuals

Rows = np.ndarray
Detector = Callable[[Rows, Rows], np.ndarray]


@dataclass(frozen=True)
class Case:
    """Agents of one population with what was fitted on their older nights."""

    data: Residuals
    plan: NightPlan
    own: OwnBaseline


def ours(case: Case) -> tuple[np.ndarray, Changes]:
    """Score agents by their p over all kinds; moved constants stand above all."""
    scores = change_scores(case.own)
    changes = find_changes(scores, change_null(case.own, case.plan.nulls))
    p = np.where(np.isnan(changes.p), 1.0, changes.p)
    return -np.log(p) + 1e6 * scores.constant_moved.any(axis=1), changes


def _isolation_forest(train: Rows, rows: Rows) -> np.ndarray:
    from pyod.models.iforest import IForest

    found = IForest(n_estimators=200, random_state=0).fit(train)
    return np.asarray(found.decision_function(rows))


def _ecod(train: Rows, rows: Rows) -> np.ndarray:
    from pyod.models.ecod import ECOD

    return np.asarray(ECOD().fit(train).decision_function(rows))


def _largest_z(train: Rows, rows: Rows) -> np.ndarray:
    middle, sd = train.mean(axis=0), train.std(axis=0)
    z = (rows - middle) / np.where(sd > 0, sd, 1e-9)
    return np.abs(z).max(axis=1)


def _sum_of_squares(train: Rows, rows: Rows) -> np.ndarray:
    middle, sd = train.mean(axis=0), train.std(axis=0)
    z = (rows - middle) / np.where(sd > 0, sd, 1e-9)
    return np.square(z).sum(axis=1)


def detectors() -> dict[str, Detector]:
    """Everyone who is installed, by name."""
    found: dict[str, Detector] = {
        "diagonal z, largest": _largest_z,
        "diagonal z, sum of squares": _sum_of_squares,
    }
    if importlib.util.find_spec("pyod") is not None:
        found |= {"PyOD IForest": _isolation_forest, "PyOD ECOD": _ecod}
    return found


def representations(case: Case, at: int) -> dict[str, Rows]:
    """Rows of agents as of a night, in what others may be given; no value is missing.

    Residuals from the team's mean of the night, as they are or in the agent's own sd
    from the reference; tonight alone, or mean and sd over the recent window.  The share
    of nights present goes with all of them, 0 (the team's mean) stands for a gap.
    """
    window = slice(at - case.plan.window + 1, at + 1)
    present = case.data.present[:, window]
    plain = case.data.residual[:, window]
    every = np.arange(len(plain))
    own = case.own.standardised(every, window)
    constant = case.own.constant[case.own.team]
    own = np.where(constant[:, None], plain / 0.01, own)
    tonight = present[:, -1:].astype(np.float64)
    lately = present.mean(axis=1, keepdims=True)
    return {
        "tonight": np.hstack([np.nan_to_num(plain[:, -1]), tonight]),
        "tonight in own sd": np.hstack([np.nan_to_num(own[:, -1]), tonight]),
        "recent mean and sd": np.hstack([_moments(plain), lately]),
        "recent mean and sd in own sd": np.hstack([_moments(own), lately]),
    }


def _moments(x: Rows) -> Rows:
    seen = np.isfinite(x)
    n = np.maximum(seen.sum(axis=1), 1)
    mean = np.where(seen, x, 0.0).sum(axis=1) / n
    square = np.where(seen, (x - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return np.hstack([mean, np.sqrt(square / n)])
