"""What is usual for each agent: its own past, leaning on its team where it is short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.masked_whitening import Whitened, whiten_rows
from stats.own_teams import AGENT_FIELDS, TEAM_FIELDS, fit_teams
from stats.summary import Incompatible, InvalidInput
from stats.within import RELATIVE_FLOOR

__all__ = ["OwnBaseline", "fit_own"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Residuals that are worked on at once, whole teams at a time.
_CELLS = 2**20
MIN_FIT = 3


@dataclass(frozen=True, slots=True, eq=False)
class OwnBaseline:
    """What is usual for each agent, frozen: fitted on the first `fit` nights only.

    Attributes
    ----------
    residual : float array, shape (a, T, d)
        As given.
    present : bool array, shape (a, T)
    team : int64 array, shape (a,)
    fit : int
    location : float64 array, shape (g, T, d)
        Where the bulk of each team was beside its mean, every night.
    centre, scale, uncertainty : float64 arrays, shape (a, d)
        Centre and standard deviation of one night; variance of the error of the centre
        in units of scale².  NaN where a feature does not take part.
    dof : float64 array, shape (a,)
        Degrees of freedom behind the scale: own nights and what the team adds.
    nights : int64 array, shape (a,)
        Fit nights of the agent.
    nights_seen : int64 array, shape (a, d)
        The same per feature.
    correlation : float64 array, shape (g, d, d)
        Of a team's agents about their own centres; identity for unusable features.
    root : float64 array, shape (g, d, d)
        Its symmetric root.
    tail : float64 array, shape (g,)
        Degrees of freedom of the multivariate t that nights follow.
    apart : float64 array, shape (g, 2)
        Mean and sd of `stats.independence.log_apart` on usual nights.
    usable, constant : bool arrays, shape (g, d)
        Features that are measured in sd; features that no agent of the team varies in.
    floors : float64 array, shape (d,)
        Smallest standard deviation that counts as one.
    share, decay : float64 arrays, shape (g,)
        Autocorrelation of whitened nights at lag l is share · decayˡ.
    tested : bool array, shape (g,)
        Teams with at least 5 d degrees of freedom.
    """

    residual: NDArray[np.floating]
    present: Bools
    team: Ints
    fit: int
    location: Floats
    centre: Floats
    scale: Floats
    uncertainty: Floats
    dof: Floats
    nights: Ints
    nights_seen: Ints
    correlation: Floats
    root: Floats
    tail: Floats
    apart: Floats
    usable: Bools
    constant: Bools
    floors: Floats
    share: Floats
    decay: Floats
    tested: Bools

    def __repr__(self) -> str:
        a, total, d = self.residual.shape
        return f"OwnBaseline: n={a:_} | nights={total} ({self.fit} fitted) | d={d}"

    def standardised(self, rows: ArrayLike, nights: slice) -> Floats:
        """Series of some agents in their own sd of prediction, shape (m, k, d).

        NaN where a value is missing, its feature does not vary in the team, or the
        team is not tested.  Variance 1 on a new night: the error of the centre counts.
        """
        index = np.asarray(rows)
        team = self.team[index]
        moved = self.moved(index, nights)
        width = self.scale[index] * np.sqrt(1.0 + self.uncertainty[index])
        good = self.usable[team] & self.tested[team][:, None]
        safe = np.where(good, width, np.nan)
        found: Floats = moved / safe[:, None]
        return found

    def moved(self, rows: ArrayLike, nights: slice) -> Floats:
        """Distance from the own centre in the feature's unit, shape (m, k, d)."""
        index = np.asarray(rows)
        values = self.residual[index, nights].astype(np.float64, copy=False)
        values = np.where(np.isfinite(values), values, np.nan)
        values -= self.location[self.team[index], nights]
        values -= self.centre[index][:, None]
        return values

    def whitened(self, rows: ArrayLike, nights: slice) -> Whitened:
        """Return the same in directions that do not correlate (`masked_whitening`)."""
        index = np.asarray(rows)
        z = self.standardised(index, nights)
        return whiten_rows(z, self.team[index], self.correlation, self.usable)

    def blocks(self) -> Iterator[Ints]:
        """Agents in pieces that bound the memory of what is done with them."""
        yield from _blocks(self.team, self.residual.shape)


def fit_own(
    residual: ArrayLike,
    present: ArrayLike,
    team: ArrayLike,
    *,
    fit: int,
    n_teams: int | None = None,
    floors: ArrayLike | None = None,
    robust: bool = False,
) -> OwnBaseline:
    """Fit what is usual for each agent on the first `fit` nights.

    Parameters
    ----------
    residual : array_like, shape (a, T, d)
        Agent's nightly mean less its team's mean of that night, over √(1 - 1/n);
        NaN and infinities are missing.  float32 is kept as it is.
    present : array_like of bool, shape (a, T)
    team : integer array_like, shape (a,)
        In [0, g).  Whole teams in one call: what is shrunk to a team is found from
        its agents here.  Then results do not depend on how teams are cut into calls.
    fit : int
        Nights of the reference, the oldest ones, at least 3.
    n_teams : int, optional
    floors : array_like, shape (d,), optional
        Smallest standard deviation per feature: max(resolution / √12, 1 % of the sd
        over the fleet).  By default 1 % of the sd over the agents given.
    robust : bool
        Leave out fit nights far from the bulk of the agent's and the team's nights.

    Returns
    -------
    OwnBaseline

    Raises
    ------
    InvalidInput
        For fewer than 3 fit nights, more than there are, or team codes out of range.
    Incompatible
        When shapes do not fit.

    Notes
    -----
    Agents of a team share correlation, serial correlation, and the law by which their
    centres and scales differ (empirical Bayes): an agent with many nights keeps its
    own, one without any takes the team's, whose spread of centres then counts as
    uncertainty.  A feature in which no agent of a team varied by more than its floor
    has no scale there: `constant`, outside every law.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((40, 20, 2))
    >>> x -= x.mean(axis=0)
    >>> fit_own(x, np.ones((40, 20), bool), np.zeros(40, int), fit=10)
    OwnBaseline: n=40 | nights=20 (10 fitted) | d=2
    """
    x, here, codes = np.asarray(residual), np.asarray(present, bool), np.asarray(team)
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float64)
    _check(x, here, codes, fit)
    codes = codes.astype(np.int64)
    a = len(x)
    g = int(n_teams if n_teams is not None else codes.max(initial=-1) + 1)
    if a and (codes.min() < 0 or codes.max() >= g):
        raise InvalidInput(
            f"fit_own: teams from {codes.min()} to {codes.max()} for {g} teams. "
            f"Give [0, {g})."
        )
    floor = _floors(x[:, :fit], floors)
    out = _empty(x, here, codes, fit, g, floor)
    for rows in out.blocks():
        _fit_block(out, rows, robust=robust)
    return out


def _check(x: NDArray[np.floating], here: Bools, team: Ints, fit: int) -> None:
    if x.ndim != 3 or here.shape != x.shape[:2] or team.shape != x.shape[:1]:
        raise Incompatible(
            f"fit_own: residual {x.shape}, present {here.shape} and team {team.shape} "
            "do not fit. Give (a, T, d), (a, T) and (a,)."
        )
    if not MIN_FIT <= fit <= x.shape[1]:
        raise InvalidInput(
            f"fit_own: {fit} fit nights of {x.shape[1]}. "
            f"Give at least {MIN_FIT}, and nights after them to test."
        )


def _floors(past: NDArray[np.floating], floors: ArrayLike | None) -> Floats:
    d = past.shape[2]
    if floors is not None:
        return np.broadcast_to(np.asarray(floors, np.float64), (d,)).copy()
    seen = np.isfinite(past)
    square = np.array([np.sum(past[..., j] ** 2, where=seen[..., j]) for j in range(d)])
    found: Floats = RELATIVE_FLOOR * np.sqrt(
        square / np.maximum(seen.sum(axis=(0, 1)), 1)
    )
    return found


def _empty(
    x: NDArray[np.floating], here: Bools, team: Ints, fit: int, g: int, floor: Floats
) -> OwnBaseline:
    a, total, d = x.shape
    return OwnBaseline(
        residual=x,
        present=here,
        team=team,
        fit=fit,
        location=np.zeros((g, total, d)),
        centre=np.full((a, d), np.nan),
        scale=np.full((a, d), np.nan),
        uncertainty=np.full((a, d), np.nan),
        dof=np.zeros(a),
        nights=here[:, :fit].sum(axis=1),
        nights_seen=np.zeros((a, d), dtype=np.int64),
        correlation=np.broadcast_to(np.eye(d), (g, d, d)).copy(),
        root=np.broadcast_to(np.eye(d), (g, d, d)).copy(),
        tail=np.full(g, 8.0),
        apart=np.zeros((g, 2)),
        usable=np.zeros((g, d), dtype=bool),
        constant=np.zeros((g, d), dtype=bool),
        floors=floor,
        share=np.zeros(g),
        decay=np.full(g, 0.6),
        tested=np.zeros(g, dtype=bool),
    )


def _fit_block(out: OwnBaseline, rows: Ints, *, robust: bool) -> None:
    """Fit whole teams; write what is found into its places of `out`."""
    x = np.where(np.isfinite(out.residual[rows]), out.residual[rows], np.nan)
    x = x.astype(np.float64, copy=False)
    teams, starts, group = np.unique(
        out.team[rows], return_index=True, return_inverse=True
    )
    fitted = fit_teams(x, starts, group, out.fit, out.floors, robust=robust)
    for name in AGENT_FIELDS:
        getattr(out, name)[rows] = fitted[name]
    for name in TEAM_FIELDS:
        getattr(out, name)[teams] = fitted[name]


def _blocks(team: Ints, shape: tuple[int, ...]) -> Iterator[Ints]:
    """Rows of whole teams, sorted by team, some `_CELLS` residuals at a time."""
    order = np.argsort(team, kind="stable")
    if not len(order):
        return
    ends = np.append(np.flatnonzero(np.diff(team[order])) + 1, len(order))
    most = max(1, _CELLS // max(1, shape[1] * shape[2]))
    low = 0
    while low < len(order):
        within = ends[ends <= low + most]
        high = within[-1] if within.size and within[-1] > low else ends[ends > low][0]
        yield order[low:high]
        low = int(high)
