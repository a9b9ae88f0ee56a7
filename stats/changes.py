"""Which agents changed, and how: one test an agent, then the kind of change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.calibration import TailCounts
from stats.change_calibration import tail_p
from stats.change_scores import (
    REASONS,
    TESTED,
    ChangeScores,
    NightPlan,
    change_null,
    change_scores,
    plan_nights,
)
from stats.fdr import Method, control_false_discovery, q_values, simes
from stats.own import OwnBaseline, fit_own
from stats.summary import Incompatible

__all__ = [
    "CHANGE_KINDS",
    "REASONS",
    "TESTED",
    "ChangeScores",
    "Changes",
    "NightPlan",
    "OwnBaseline",
    "change_null",
    "change_scores",
    "find_changes",
    "fit_own",
    "plan_nights",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

CONSTANT = "constant feature moved"
# Codes of `Changes.kind`.
CHANGE_KINDS = (*TESTED, CONSTANT)
_MOVED = len(TESTED)
_SILENCE = TESTED.index("silence")
# Kinds that share most of their evidence.
_RIVALS = (
    (TESTED.index("mean shift"), TESTED.index("slow drift")),
    (TESTED.index("variance inflation"), TESTED.index("correlation break")),
)


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Agents as of one night: what was tested, found, and what it looks like.

    Attributes
    ----------
    at : int
    kind_p : float64 array, shape (a, k)
        Calibrated p per kind of `TESTED`; NaN where not tested.
    extrapolated : bool array, shape (a, k)
        Beyond every null score: p rests on the shape of the null's tail.
    p, q : float64 arrays, shape (a,)
        One test an agent (Simes over its kinds), and adjusted over agents.  NaN for an
        agent without any test.
    found : bool array, shape (a,)
        q within the level, or a constant feature moved.
    kind : int64 array, shape (a,)
        Position in `CHANGE_KINDS` of the likeliest kind of a found agent; -1 for
        others.
    size : float64 array, shape (a,)
        Effect, in the unit of the kind (`ChangeScores.size`); NaN for a constant
        feature, which has no unit.
    since : int64 array, shape (a,)
        Night on which it began in the fit of the kind; -1 where not found.
    contributions : float32 array, shape (a, d)
        Shares of the features in the kind found, or in a mean shift for others.
    level : float
        The false-discovery rate.
    null_size : int64 array, shape (k,)
        Null scores behind each kind.
    """

    at: int
    kind_p: Floats
    extrapolated: Bools
    p: Floats
    q: Floats
    found: Bools
    kind: Ints
    size: Floats
    since: Ints
    contributions: NDArray[np.float32]
    level: float
    null_size: Ints

    def __repr__(self) -> str:
        n, found = int(np.isfinite(self.p).sum()), int(self.found.sum())
        return f"Changes: n={n:_} | found={found:_} at {self.level:g} | at={self.at}"


def find_changes(
    scores: ChangeScores, null: TailCounts, *, q: float = 0.05, method: Method = "bh"
) -> Changes:
    """Calibrate scores, control false discoveries over agents, tell kinds apart.

    Parameters
    ----------
    scores : ChangeScores
        Of all agents of the family: join sites first.
    null : TailCounts
        From `change_null`, merged over the same sites.
    q : float
        Largest expected share of false discoveries among the agents found by a test.
    method : {"bh", "by"}

    Returns
    -------
    Changes

    Raises
    ------
    Incompatible
        When null and scores differ in kinds.
    InvalidInput
        For q outside (0, 1) or another method.

    Notes
    -----
    Per kind, p comes from the null pool (`tail_p`), for silence never below its
    law; per agent, Simes over its kinds is one test; over agents, Benjamini-
    Hochberg. A moved constant feature has no scale and no p: it is found by itself,
    outside the family. The kind of a found agent is the one with the smallest
    calibrated p; of two that share most of their evidence, step and ramp, inflation
    and break, the one that gains more likelihood.
    """
    a, k = scores.log_p.shape
    if null.n_groups != k:
        raise Incompatible(
            f"find_changes: {null.n_groups} null pools and {k} kinds of scores. "
            "Take both from the same version, with change_null and change_scores."
        )
    pools = np.tile(np.arange(k), a)
    flat, far = tail_p(null, scores.log_p.ravel(), pools)
    kind_p = flat.reshape(a, k)
    # Runs of absence take few values: a tail fitted to them has next to no spread.
    law = np.exp(scores.log_p[:, _SILENCE])
    kind_p[:, _SILENCE] = np.maximum(kind_p[:, _SILENCE], law)
    p = simes(kind_p.ravel(), np.repeat(np.arange(a), k), a)
    moved = scores.constant_moved.any(axis=1)
    found = control_false_discovery(p, q, method) | moved
    kind = np.where(found, _kind(scores.gain, kind_p), -1)
    kind[moved] = _MOVED
    return Changes(
        at=scores.at,
        kind_p=kind_p,
        extrapolated=far.reshape(a, k),
        p=p,
        q=q_values(p, method),
        found=found,
        kind=kind,
        size=_of_kind(scores.size.astype(np.float64), kind, np.nan),
        since=_of_kind(scores.since, kind, -1),
        contributions=_shares(scores, kind),
        level=q,
        null_size=null.size,
    )


def _kind(gain: NDArray[np.float32], kind_p: Floats) -> Ints:
    """Pair with the smallest calibrated p, and its kind with the larger gain."""
    evidence = np.where(np.isnan(kind_p), 2.0, kind_p)
    for one, other in _RIVALS:
        first = np.nan_to_num(gain[:, one]) >= np.nan_to_num(gain[:, other])
        best = np.minimum(evidence[:, one], evidence[:, other])
        evidence[:, one] = np.where(first, best, 2.0)
        evidence[:, other] = np.where(first, 2.0, best)
    found: Ints = evidence.argmin(axis=1)
    return found


def _of_kind(values: NDArray[Any], kind: Ints, other: float) -> NDArray[Any]:
    """Take the column of each agent's kind; `other` where it has none."""
    inside = (kind >= 0) & (kind < values.shape[1])
    column = np.where(inside, kind, 0)[:, None]
    return np.where(inside, np.take_along_axis(values, column, axis=1)[:, 0], other)


def _shares(scores: ChangeScores, kind: Ints) -> NDArray[np.float32]:
    column = np.where((kind >= 0) & (kind < _MOVED), kind, 0)[:, None, None]
    found = np.take_along_axis(scores.contributions, column, axis=1)[:, 0]
    moved = scores.constant_moved / np.maximum(
        scores.constant_moved.sum(axis=1, keepdims=True), 1
    )
    shares: NDArray[np.float32] = np.where(
        (kind == _MOVED)[:, None], moved, found
    ).astype(np.float32)
    return shares
