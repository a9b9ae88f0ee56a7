"""Which groups move in step: correlations of their agents, without forming pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.hierarchy import Hierarchy
from stats.labelled import Labelled
from stats.series_sums import SeriesSums
from stats.within import MIN_ROWS
from tasks.agent_series import AgentSeries, PartRef
from tasks.baselines import LEVELS, Baselines, Level

__all__ = ["GroupCorrelation", "group_correlations", "team_series"]

# Groups up to which every pair of them is compared.
MOST_PAIRED = 2_000


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
    within : float64 array, shape (g,)
        Mean over pairs of one group; NaN where fewer than two series overlap.
    r : float64 array, shape (g, g), or None
        Between groups, `within` on the diagonal; None for more than 2,000 groups.
    """

    labels: tuple[str, ...]
    n: NDArray[np.int64]
    nights: int
    within: NDArray[np.float64]
    r: NDArray[np.float64] | None


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
    shrink = np.sqrt(1.0 - 1.0 / np.maximum(n, MIN_ROWS))
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
    teams = _side_by_side(parts, labels)
    hierarchy: Hierarchy = baselines.hierarchy
    found: dict[Level, GroupCorrelation] = {}
    for level in LEVELS:
        sums = hierarchy.rollup(teams, to=level)
        few = len(sums.n) <= MOST_PAIRED
        found[level] = GroupCorrelation(
            labels=baselines.levels[level].labels,
            n=sums.n,
            nights=sums.steps.shape[1],
            within=sums.within(),
            r=sums.between() if few else None,
        )
    return found


def _side_by_side(
    parts: Sequence[Labelled[SeriesSums]], labels: tuple[str, ...]
) -> SeriesSums:
    """Put the teams of all parts in one order; none is in two parts."""
    place = {label: i for i, label in enumerate(labels)}
    width = parts[0].groups.sums.shape[1]
    sums = np.zeros((len(labels), width))
    steps = np.zeros((len(labels), width), dtype=np.int64)
    counts = np.zeros((len(labels), 3), dtype=np.int64)
    for part in parts:
        at = [place[label] for label in part.labels]
        sums[at] = part.groups.sums
        steps[at] = part.groups.steps
        counts[at] = part.groups.counts
    return SeriesSums(sums, steps, counts)
