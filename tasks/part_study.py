"""What a worker finds out about the agents of one part over the window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.calibration import TailCounts
from stats.changes import (
    ChangeScores,
    NightPlan,
    change_null,
    change_scores,
    fit_own,
)
from stats.collusion import Cliques
from stats.labelled import Labelled
from stats.series_sums import SeriesSums
from tasks.agent_series import AgentSeries, PartRef, read_part
from tasks.collusion import search_cliques
from tasks.moving_together import team_series

__all__ = ["PartStudy", "study_part", "study_series"]


@dataclass(frozen=True, slots=True, eq=False)
class PartStudy:
    """What a worker found out about a part; arrays along its agents.

    Attributes
    ----------
    agents, entities, teams : str arrays, shape (a,)
    nights, last : int64 arrays, shape (a,)
        Nights of the window on which the agent was there, and the last of them.
    scores : ChangeScores
    null, held_out : TailCounts
        One pool per kind; `held_out` from nights that `null` has not seen.
    moving : Labelled[SeriesSums]
    series : float32 array, shape (a, T, d), or None
        Standardised residuals, when they are to be brought together.
    cliques : Cliques or None
        Otherwise what the search inside the part found.
    """

    agents: NDArray[np.str_]
    entities: NDArray[np.str_]
    teams: NDArray[np.str_]
    nights: NDArray[np.int64]
    last: NDArray[np.int64]
    scores: ChangeScores
    null: TailCounts
    held_out: TailCounts
    moving: Labelled[SeriesSums]
    series: NDArray[np.float32] | None
    cliques: Cliques | None


def study_part(
    part: PartRef,
    *,
    first: int,
    plan: NightPlan,
    floors: NDArray[np.float64],
    feature: int,
    keep: bool,
    seed: int,
    q: float,
) -> PartStudy:
    """Read a part and study it; what a worker does."""
    series = read_part(part)
    return study_series(
        part, series, first=first, plan=plan, floors=floors, feature=feature,
        keep=keep, seed=seed, q=q,
    )  # fmt: skip


def study_series(
    part: PartRef,
    series: AgentSeries,
    *,
    first: int,
    plan: NightPlan,
    floors: NDArray[np.float64],
    feature: int,
    keep: bool,
    seed: int,
    q: float,
) -> PartStudy:
    """Fit, score and calibrate agents whose series are in memory.

    Parameters
    ----------
    part : PartRef
    series : AgentSeries
    first : int
        Nights before this position are left out: nothing had been delivered yet.
    plan : NightPlan
        Positions counted from `first`.
    floors : float64 array, shape (d,)
        Smallest standard deviations.
    feature : int
        In which groups are compared.
    keep : bool
        Return the standardised series, instead of searching them for cliques.
    seed, q
        As `search_cliques`.
    """
    window = slice(first, None)
    own = fit_own(
        series.residual[:, window],
        series.present[:, window],
        series.team,
        fit=plan.fit,
        n_teams=len(part.labels),
        floors=floors,
    )
    held = plan.nulls[2::3]
    used = [night for night in plan.nulls if night not in held]
    lengths = {"window": plan.window, "drift": plan.drift}
    every = np.arange(len(series.agents))
    kept = own.standardised(every, slice(0, None)).astype(np.float32)
    names = np.asarray(part.labels, dtype=np.str_)
    return PartStudy(
        agents=series.agents,
        entities=series.entities,
        teams=names[series.team],
        nights=(series.rows > 0).sum(axis=1).astype(np.int64),
        last=series.rows.shape[1] - 1 - (series.rows[:, ::-1] > 0).argmax(axis=1),
        scores=change_scores(own, **lengths),
        null=change_null(own, used, **lengths),
        held_out=change_null(own, held, **lengths),
        moving=team_series(part, series, feature, window),
        series=kept if keep else None,
        cliques=None if keep else search_cliques(kept, series.entities, seed=seed, q=q),
    )
