"""The findings of a night as labelled arrays, for the store and for analysts."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stats.changes import CHANGE_KINDS, TESTED
from tasks.agent_changes import AgentChanges
from tasks.missing_dataset import label_arrived, lacking_nights
from tasks.night import Night, Scores
from tasks.scoring import AgentFamily
from tasks.scoring_groups import GroupFamily

__all__ = ["change_dataset", "correlation_dataset", "score_dataset"]

Variable = tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]
Coordinates = dict[str, tuple[str, NDArray[Any]]]


def score_dataset(night: Night, scores: Scores) -> xr.Dataset:
    """Who stands out tonight: groups beside their past, agents beside their team.

    Parameters
    ----------
    night : Night
    scores : Scores

    Returns
    -------
    xarray.Dataset
        Dimensions team, site, agent (tonight), entity and feature; NaN was not tested.
        ``*_baseline_lacks`` says how many nights the baseline behind a score lacks.
    """
    coords: Coordinates = {"feature": ("feature", np.array(night.schema.names))}
    variables: dict[str, Variable] = {}
    for level, family in (("team", scores.teams), ("site", scores.sites)):
        coords[level] = (level, np.array(family.labels, dtype=np.str_))
        variables |= _groups(level, family)
        variables[f"{level}_baseline_lacks"] = _lacking(night, level, coords[level][1])
    if scores.agents is not None:
        coords |= _agent_names(scores.agents)
        variables |= _agents(scores.agents)
        lacks = _lacking(night, "agent", scores.agents.scores.teams)
        variables["agent_baseline_lacks"] = lacks
    return label_arrived(xr.Dataset(variables, coords), night)


def _lacking(night: Night, dim: str, groups: NDArray[Any]) -> Variable:
    """Nights that the baseline of a score lacks: above 0 it is partial."""
    about = {"units": "nights of the window", "what": "above 0 a partial baseline"}
    return (dim,), lacking_nights(night, groups), about


def _groups(level: str, family: GroupFamily) -> dict[str, Variable]:
    method = {"method": "Hotelling, calibrated on the groups' own nights"}
    return {
        f"{level}_n": ((level,), family.agents, {"units": "agents"}),
        f"{level}_p": ((level,), family.p, method),
        f"{level}_q": ((level,), family.q, {"method": "Benjamini-Hochberg"}),
        f"{level}_found": ((level,), family.found, {}),
        f"{level}_contribution": (
            (level, "feature"),
            family.contributions,
            {"units": "share of the squared distance"},
        ),
    }


def _agent_names(family: AgentFamily) -> Coordinates:
    return {
        "agent": ("agent", family.scores.agents),
        "agent_team": ("agent", family.scores.teams),
        "agent_entity": ("agent", family.scores.entities),
        "entity": ("entity", family.entities),
    }


def _agents(family: AgentFamily) -> dict[str, Variable]:
    s = family.scores
    about = {"method": "pooled within teams, calibrated", "null": family.null_size}
    bh = {"method": "Benjamini-Hochberg", "false_discovery": family.level}
    return {
        "agent_n": (("agent",), s.n, {"units": "rows"}),
        "agent_distance": (("agent",), s.d2, {"what": "squared Mahalanobis"}),
        "agent_p": (("agent",), family.p, about),
        "agent_contribution": (
            ("agent", "feature"),
            s.contributions,
            {"units": "share of the squared distance"},
        ),
        "entity_p": (("entity",), family.entity_p, {"method": "Simes over agents"}),
        "entity_q": (("entity",), family.entity_q, bh),
        "entity_found": (("entity",), family.found, bh),
    }


def change_dataset(night: Night, family: AgentChanges) -> xr.Dataset:
    """Who changed against the own past, and how.

    Parameters
    ----------
    night : Night
    family : AgentChanges

    Returns
    -------
    xarray.Dataset
        Dimensions agent (an agent in its team), kind and feature.  `change` is empty
        and `since` too where nothing was found.
    """
    changes = family.changes
    kinds = np.array([*CHANGE_KINDS, ""])
    window = np.array([*family.window, ""])
    bh = {"method": "Benjamini-Hochberg", "false_discovery": changes.level}
    variables: dict[str, Variable] = {
        "nights": (("agent",), family.nights, {"units": "nights of the window"}),
        "kind_p": (("agent", "kind"), changes.kind_p, {"method": "null nights"}),
        "extrapolated": (("agent", "kind"), changes.extrapolated, {}),
        "null_size": (("kind",), changes.null_size, {"units": "scores"}),
        "p": (("agent",), changes.p, {"method": "Simes over kinds"}),
        "q": (("agent",), changes.q, bh),
        "found": (("agent",), changes.found, bh),
        "change": (("agent",), kinds[changes.kind], {}),
        "size": (("agent",), changes.size, {"what": "see docs: anomalies"}),
        "since": (("agent",), window[changes.since], {}),
        "contribution": (("agent", "feature"), changes.contributions, {}),
    }
    coords: Coordinates = {
        "agent": ("agent", family.agents),
        "entity": ("agent", family.entities),
        "team": ("agent", family.teams),
        "kind": ("kind", np.array(TESTED)),
        "feature": ("feature", np.array(night.schema.names)),
    }
    about = {"window_first": family.window[0], "fit_nights": family.plan.fit}
    return label_arrived(xr.Dataset(variables, coords, about), night)


def correlation_dataset(night: Night, family: AgentChanges) -> xr.Dataset:
    """Mean correlation of the agents within and between groups, level by level.

    Parameters
    ----------
    night : Night
    family : AgentChanges

    Returns
    -------
    xarray.Dataset
        Per level: series averaged over, correlation within, and between all pairs of
        up to 2,000 groups (above, only within is stored).
    """
    variables: dict[str, Variable] = {}
    coords: Coordinates = {}
    for level, found in family.correlations.items():
        coords[level] = (level, np.array(found.labels))
        about = {"feature": night.schema.lead, "nights": found.nights}
        variables[f"{level}_n"] = ((level,), found.n, {"units": "agents"})
        variables[f"{level}_within"] = ((level,), found.within, about)
        if found.r is not None:
            other = f"{level}_2"
            coords[other] = (other, np.array(found.labels))
            variables[f"{level}_between"] = ((level, other), found.r, about)
    return label_arrived(xr.Dataset(variables, coords), night)
