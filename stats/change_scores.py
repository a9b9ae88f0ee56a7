"""How far each agent is from its own past as of a night, for every kind of change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.calibration import TailCounts
from stats.change_kinds import TESTED, KindScores
from stats.change_plan import WINDOW, NightPlan, plan_nights
from stats.change_presence import moved_constants, silence
from stats.change_templates import Templates, templates
from stats.change_tests import score_block
from stats.masked_whitening import whiten_rows
from stats.own import OwnBaseline
from stats.summary import Incompatible, InvalidInput

__all__ = [
    "REASONS",
    "TESTED",
    "ChangeScores",
    "NightPlan",
    "change_null",
    "change_scores",
    "plan_nights",
]

Floats = NDArray[np.float64]

# Codes of `ChangeScores.reason`.
REASONS = ("tested", "team too small to fit", "not seen in the window")


@dataclass(frozen=True, slots=True, eq=False)
class ChangeScores:
    """Scores of agents as of one night; columns are the kinds of `TESTED`.

    Attributes
    ----------
    at : int
    log_p : float64 array, shape (a, k)
        Natural logarithm of a parametric p, for calibration; NaN where not tested.
    size : float32 array, shape (a, k)
        mean shift: Mahalanobis length of the move in sd of one night; variance
        inflation: factor of the sd; correlation break: mean over nights of the
        standardised log-likelihood ratio for independence; slow drift: length tonight,
        in sd; silence: absent nights in a row.
    since : int64 array, shape (a, k)
        Night on which the best-fitting change begins; -1 where not tested.
    contributions : float32 array, shape (a, k, d)
        Shares by feature, sum 1; 0 where there is nothing to share.
    gain : float32 array, shape (a, k)
        Twice the log-likelihood gained by each kind; NaN for silence.
    constant_moved : bool array, shape (a, d)
        Features without variance in the team in which the agent moved: no scale, no
        law, a finding by itself.
    nights : int64 array, shape (a,)
        Fit nights behind the agent's own baseline; below 5 d it leans on its team.
    reason : int8 array, shape (a,)
        Position in `REASONS`.
    """

    at: int
    log_p: Floats
    size: NDArray[np.float32]
    since: NDArray[np.int64]
    contributions: NDArray[np.float32]
    gain: NDArray[np.float32]
    constant_moved: NDArray[np.bool_]
    nights: NDArray[np.int64]
    reason: NDArray[np.int8]

    def __repr__(self) -> str:
        tested = int((self.reason == 0).sum())
        return f"ChangeScores: n={tested:_} | agents={len(self.log_p):_} | at={self.at}"

    @staticmethod
    def concatenate(parts: Iterable[ChangeScores]) -> ChangeScores:
        """Join the scores of several sites, in the order given.

        Raises
        ------
        InvalidInput
            Without parts.
        Incompatible
            When they are of different nights.
        """
        many = list(parts)
        if not many:
            raise InvalidInput("ChangeScores.concatenate: no parts. Give at least one.")
        nights = sorted({part.at for part in many})
        if len(nights) > 1:
            raise Incompatible(
                f"ChangeScores.concatenate: scores of nights {nights}. "
                "Join scores of one night."
            )
        names = [n for n in ChangeScores.__dataclass_fields__ if n != "at"]
        joined = {n: np.concatenate([getattr(p, n) for p in many]) for n in names}
        return ChangeScores(at=nights[0], **joined)


def change_scores(
    own: OwnBaseline,
    *,
    at: int | None = None,
    window: int | None = None,
    drift: int | None = None,
) -> ChangeScores:
    """Score every agent for every kind of change, from nights up to `at` only.

    Parameters
    ----------
    own : OwnBaseline
    at : int, optional
        Night of the test, after the fit; the last one by default.
    window : int, optional
        Longest step; scatter and correlation are looked at over as many nights.
    drift : int, optional
        Longest ramp.  Both by default as in `plan_nights`; give the same here and to
        `change_null`.

    Returns
    -------
    ChangeScores

    Raises
    ------
    InvalidInput
        When the night is not after the fit, or windows are not 1 <= window <= drift.

    Notes
    -----
    Windows are cut at the fit.  Teams too small to fit, and agents not seen in the
    window, are tested for silence only.
    """
    total = own.residual.shape[1]
    night = total - 1 if at is None else at
    shapes = _shapes(own, night, *_lengths(total, window, drift))
    a, _, d = own.residual.shape
    k = len(TESTED)
    out = ChangeScores(
        at=night,
        log_p=np.full((a, k), np.nan),
        size=np.full((a, k), np.nan, dtype=np.float32),
        since=np.full((a, k), -1, dtype=np.int64),
        contributions=np.zeros((a, k, d), dtype=np.float32),
        gain=np.full((a, k), np.nan, dtype=np.float32),
        constant_moved=np.zeros((a, d), dtype=bool),
        nights=own.nights,
        reason=np.zeros(a, dtype=np.int8),
    )
    for rows in own.blocks():
        for number, kind in enumerate(_block(own, rows, night, shapes, gains=True)):
            _write(out, rows, number, kind)
        out.constant_moved[rows] = moved_constants(
            own, rows, slice(night - shapes.steps + 1, night + 1)
        )
    unseen = np.isnan(out.log_p[:, 0])
    small = ~own.tested[own.team]
    out.reason[:] = np.where(small, 1, np.where(unseen, 2, 0))
    return out


def change_null(
    own: OwnBaseline,
    nights: Iterable[int],
    *,
    window: int | None = None,
    drift: int | None = None,
) -> TailCounts:
    """Collect what the same scores were as of earlier nights: one pool per kind.

    Parameters
    ----------
    own : OwnBaseline
    nights : iterable of int
        `NightPlan.nulls`, or other nights without changes of interest.
    window, drift
        As `change_scores`.

    Returns
    -------
    TailCounts
        Pool i is kind i of `TESTED`; merges over sites.
    """
    lengths = _lengths(own.residual.shape[1], window, drift)
    k = len(TESTED)
    null = TailCounts.from_block([], [], k)
    for night in nights:
        shapes = _shapes(own, night, *lengths)
        for rows in own.blocks():
            found = [
                kind.log_p for kind in _block(own, rows, night, shapes, gains=False)
            ]
            pools = np.repeat(np.arange(k), len(rows))
            null = null.merge(TailCounts.from_block(np.concatenate(found), pools, k))
    return null


def _lengths(total: int, window: int | None, drift: int | None) -> tuple[int, int]:
    plan = plan_nights(total, window=WINDOW if window is None else window)
    step = plan.window if window is None else window
    return step, max(plan.drift, step) if drift is None else drift


def _shapes(own: OwnBaseline, at: int, window: int, drift: int) -> Templates:
    if not own.fit <= at < own.residual.shape[1]:
        raise InvalidInput(
            f"change_scores: night {at} of {own.residual.shape[1]} with {own.fit} fit "
            "nights. Test a night after the fit."
        )
    if not 1 <= window <= drift:
        raise InvalidInput(
            f"change_scores: windows of {window} and {drift} nights. "
            "Give 1 <= window <= drift."
        )
    free = at - own.fit + 1
    return templates(min(window, free), min(drift, free))


def _block(
    own: OwnBaseline,
    rows: NDArray[np.int64],
    at: int,
    shapes: Templates,
    *,
    gains: bool,
) -> tuple[KindScores, ...]:
    """All kinds of `TESTED`, in its order, for some agents."""
    nights = slice(at - shapes.weights.shape[1] + 1, at + 1)
    z = own.standardised(rows, nights)
    white = whiten_rows(z, own.team[rows], own.correlation, own.usable)
    scores = score_block(own, rows, white, np.isfinite(z), shapes, gains=gains)
    return (*scores, silence(own, rows, at))


def _write(
    out: ChangeScores, rows: NDArray[np.int64], number: int, kind: KindScores
) -> None:
    """Put one kind of a block into its places."""
    seen = np.isfinite(kind.log_p)
    out.log_p[rows, number] = kind.log_p
    out.size[rows, number] = np.where(seen, kind.size, np.nan)
    out.since[rows, number] = np.where(seen, out.at - kind.length + 1, -1)
    out.gain[rows, number] = kind.gain
    total = kind.parts.sum(axis=1, keepdims=True)
    shares = np.divide(
        kind.parts, total, out=np.zeros(kind.parts.shape), where=total > 0
    )
    out.contributions[rows, number] = np.where(seen[:, None], shares, 0.0)
