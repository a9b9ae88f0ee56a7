"""Which groups move in step: correlations of their agents, without forming pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.hierarchy import Hierarchy
from stats.labelled import Labelled
from stats.series_sums import SeriesSums
from stats.summary import merge_all
from tasks.agent_series import MIN_AGENTS, AgentSeries, PartRef
from tasks.baselines import LEVELS, Baselines, Level

__all__ = ["GroupCorrelation", "group_correlations", "team_series"]


@dataclass(frozen=True, slots=True, eq=False)
class GroupCorrelation:
    """Mean correlation of the agents within and between the groups of one level.

    Attributes
    ----------
    labels : tuple of str, length g
    n : int64 array, shape (g,)
        Agents in their teams that were averaged over.
    nights : int
        Length of their series.
    r : float64 array, shape (g, g)
        Within on the diagonal; NaN where fewer than two series overlap.
    """

    labels: tuple[str, ...]
    n: NDArray[np.int64]
    nights: int
    r: NDArray[np.float64]


def team_series(
    part: PartRef, series: AgentSeries, feature: int, window: slice
) -> Labelled[SeriesSums]:
    """Sum the standardised series of each team's agents in one feature.

    Parameters
    ----------
    part : PartRef
    series : AgentSeries
        Read from the part.
    feature : int
    window : slice
        Of the nights.

    Returns
    -------
    Labelled[SeriesSums]
        Of the agents' transformed nightly means themselves: what moves a whole team is
        in them, unlike in the residuals.
    """
    n = part.centre_n[window, :, feature]
    shrink = np.sqrt(1.0 - 1.0 / np.maximum(n, MIN_AGENTS))
    team = series.team
    values = series.residual[:, window, feature] * shrink.T[team]
    values += part.centre[window, :, feature].T[team]
    return Labelled(part.labels, SeriesSums.from_block(values, team, len(part.labels)))


def group_correlations(
    parts: Sequence[Labelled[SeriesSums]], baselines: Baselines
) -> dict[Level, GroupCorrelation]:
    """Roll the sums of all teams up to every level.

    Parameters
    ----------
    parts : sequence of Labelled[SeriesSums]
        At least one; no team in two of them.
    baselines : Baselines
        Whose hierarchy says which team belongs to which site.
    """
    labels = baselines.team.labels
    teams = merge_all([Labelled(labels, part.align(labels)) for part in parts]).groups
    hierarchy: Hierarchy = baselines.hierarchy
    found: dict[Level, GroupCorrelation] = {}
    for level in LEVELS:
        sums = hierarchy.rollup(teams, to=level)
        found[level] = GroupCorrelation(
            labels=baselines.levels[level].labels,
            n=sums.n,
            nights=sums.steps.shape[1],
            r=sums.between(),
        )
    return found
