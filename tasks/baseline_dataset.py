"""The baselines of a night as labelled arrays, for the store and for analysts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stats.drift import Drift
from stats.moments import GroupMoments
from stats.variances import variance_interval
from tasks.baselines import Level, LevelNights
from tasks.level_baseline import QUANTILES
from tasks.missing_dataset import (
    label_arrived,
    tonight_variables,
)
from tasks.night import Night

__all__ = ["agent_dataset", "baseline_dataset"]

Variable = tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]
Floats = NDArray[np.float64]

_WIDE = ("group", "feature")
_SQUARE = ("group", "feature", "feature_2")
_ORDER: tuple[Level, ...] = ("all", "site", "team")
_INTERVAL: dict[str, Any] = {"level": 0.95}
_BY_NIGHT: dict[str, Any] = {**_INTERVAL, "method": "nights are clusters"}
_EXACT: dict[str, Any] = {"ddof": 1, "method": "exact sums"}
_ORDERED: dict[str, Any] = {
    **_INTERVAL,
    "method": "order statistics of independent rows",
}
_COMPARED: dict[str, Any] = {"units": "the scale on which the feature is compared"}
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Arrays of a drift: name, axes, whether it has the feature's compared scale.
_DRIFT = (
    "log_p", "d2", "q", "found", "recent", "reference", "difference", "lower", "upper",
    "p", "feature_q", "feature_found", "variance_ratio", "variance_lower",
    "variance_upper", "variance_p", "variance_q", "variance_found", "memory",
)  # fmt: skip


Part = tuple[Callable[[LevelNights], Any], dict[str, Any]]


def _base(name: str) -> Callable[[LevelNights], Any]:
    return lambda level: getattr(level.baseline, name)


_WIDE_PARTS: dict[str, Part] = {
    "n": (lambda v: v.window.count, {"units": "rows"}),
    "mean": (lambda v: v.window_mean, {"method": "exact sums"}),
    "mean_lower": (lambda v: v.window_lower, _BY_NIGHT),
    "mean_upper": (lambda v: v.window_upper, _BY_NIGHT),
    "effective_n": (_base("effective_n"), {"units": "rows"}),
    "variance": (_base("variance"), _EXACT),
    "variance_lower": (_base("variance_lower"), _BY_NIGHT),
    "variance_upper": (_base("variance_upper"), _BY_NIGHT),
    "excess_kurtosis": (_base("excess_kurtosis"), {"method": "counts per bin"}),
    "usual_lower": (lambda v: v.usual_lower, {"method": "nightly means"}),
    "usual_median": (lambda v: v.usual_median, {"method": "nightly means"}),
    "usual_upper": (lambda v: v.usual_upper, {"method": "nightly means"}),
}
_SQUARE_PARTS: dict[str, Part] = {
    "covariance": (lambda v: v.window.covariance(), _EXACT),
    "shrunk_covariance": (_base("shrunk"), {"ddof": 1, "method": "OAS"}),
    "correlation": (_base("correlation"), {"method": "exact sums"}),
    "correlation_lower": (_base("correlation_lower"), _BY_NIGHT),
    "correlation_upper": (_base("correlation_upper"), _BY_NIGHT),
}


def baseline_dataset(night: Night) -> xr.Dataset:
    """Baselines, drift and season of every team, site and all.

    Parameters
    ----------
    night : Night

    Returns
    -------
    xarray.Dataset
        Dimensions group, feature, feature_2, quantile, night, weekday.  Coordinates of
        a group are its level (all, site, team) and its parent.  NaN is not known.
        ``tonight_*`` are the means of tonight with the silent sites accounted for;
        everything else is of the rows that arrived, and says so in ``population``.
    """
    found = night.baselines
    levels = {name: found.levels[name] for name in _ORDER}
    labels = [label for level in levels.values() for label in level.labels]
    coords = {
        "group": ("group", np.array(labels)),
        "level": ("group", np.repeat(_ORDER, [len(v.labels) for v in levels.values()])),
        "parent": (
            "group",
            np.array([_parent(n, x) for n in _ORDER for x in levels[n].labels]),
        ),
        "feature": ("feature", np.array(night.schema.names)),
        "feature_2": ("feature_2", np.array(night.schema.names)),
        "unit": ("feature", np.array([f.unit for f in night.schema.features])),
        "transform": (
            "feature",
            np.array([f.transform for f in night.schema.features]),
        ),
        "quantile": ("quantile", np.array(QUANTILES)),
        "night": ("night", np.array(found.nights)),
        "weekday": ("weekday", np.array(_WEEKDAYS)),
    }
    variables = _window(levels) | _nightly(levels) | _moving(levels)
    variables |= tonight_variables(night)
    attributes = {
        "window_first": found.nights[0],
        "window_last": found.nights[-2] if len(found.nights) > 1 else "",
        "night": night.view.night,
        "snapshot": night.view.snapshot,
    }
    return label_arrived(xr.Dataset(variables, coords, attributes), night)


def _parent(level: Level, label: str) -> str:
    return {"all": "", "site": "all", "team": label.split("/", 1)[0]}[level]


def _stack(
    levels: Mapping[Level, LevelNights], of: Callable[[LevelNights], Any], axis: int = 0
) -> NDArray[Any]:
    return np.concatenate([np.asarray(of(level)) for level in levels.values()], axis)


def _window(levels: Mapping[Level, LevelNights]) -> dict[str, Variable]:
    """What the window before tonight says of every group."""
    out: dict[str, Variable] = {
        "intensity": (("group",), _stack(levels, _base("intensity")), {"method": "OAS"})
    }
    out |= {k: (_WIDE, _stack(levels, f), a) for k, (f, a) in _WIDE_PARTS.items()}
    out |= {k: (_SQUARE, _stack(levels, f), a) for k, (f, a) in _SQUARE_PARTS.items()}
    error = max(level.baseline.quantile_error for level in levels.values())
    stated = {"relative_error": None if np.isnan(error) else float(error)}
    by_quantile = ("quantile", *_WIDE)
    for name, about in (("", stated), ("_lower", _ORDERED), ("_upper", _ORDERED)):
        values = _stack(levels, _base(f"quantile{name}"), 1)
        out[f"quantiles{name}"] = (by_quantile, values, about)
    return out


def _nightly(levels: Mapping[Level, LevelNights]) -> dict[str, Variable]:
    """Every night of the window, tonight last."""
    dims = ("night", *_WIDE)
    agents = {**_INTERVAL, "method": "agents are clusters"}
    return {
        "nightly_n": (dims, _stack(levels, lambda v: v.n, 1), {"units": "rows"}),
        "nightly_mean": (dims, _stack(levels, lambda v: v.mean, 1), {}),
        "nightly_lower": (dims, _stack(levels, lambda v: v.lower, 1), agents),
        "nightly_upper": (dims, _stack(levels, lambda v: v.upper, 1), agents),
        "nightly_cells": (dims, _stack(levels, lambda v: v.cells, 1), _COMPARED),
    }


def _moving(levels: Mapping[Level, LevelNights]) -> dict[str, Variable]:
    """Season and drift; nothing where the nights are too few."""
    moved = {name: level.drift for name, level in levels.items()}
    known = [drift for drift in moved.values() if drift is not None]
    if len(known) < len(moved):
        return {}
    seasons = [drift.season for drift in known]
    by_day = ("weekday", *_WIDE)
    out: dict[str, Variable] = {}
    for part in ("effect", "lower", "upper"):
        values = np.concatenate([getattr(s, part) for s in seasons], axis=1)
        about = _COMPARED if part == "effect" else _COMPARED | _INTERVAL
        out[f"season_{part}"] = (by_day, values, about)
    for part in ("p", "q", "found"):
        values = np.concatenate([getattr(s, part) for s in seasons])
        out[f"season_{part}"] = (_WIDE, values, {"method": "F test, AR(1) errors"})
    adjusted = np.concatenate([s.adjusted for s in seasons], axis=1)
    out["nightly_adjusted"] = (("night", *_WIDE), adjusted, _COMPARED)
    for which in ("week", "tonight", "slow"):
        drifts: list[Drift] = [getattr(drift, which) for drift in known]
        about = {"level": drifts[0].level, "false_discovery": drifts[0].rate}
        for part in _DRIFT:
            values = np.concatenate([getattr(d, part) for d in drifts])
            dims = ("group",) if values.ndim == 1 else _WIDE
            scale = _COMPARED if part in ("difference", "lower", "upper") else {}
            out[f"drift_{which}_{part}"] = (dims, values, {**about, **scale})
    return out


def agent_dataset(night: Night) -> xr.Dataset:
    """Every agent's own baseline over the nights before tonight.

    Parameters
    ----------
    night : Night

    Returns
    -------
    xarray.Dataset
        Dimensions agent and feature; coordinates of an agent are its site and the
        group of its team in `baseline_dataset`, whose correlation it is scored with.

    Notes
    -----
    Rows are taken as independent.  The interval of the variance is corrected for the
    excess kurtosis of the agent's team, 0 where that is not known.
    """
    coords, groups = _agent_coords(night)
    team = night.baselines.team
    place = {label: i for i, label in enumerate(team.labels)}
    at = np.array([place[str(label)] for label in coords["team"][1]], dtype=np.int64)
    kurtosis = np.nan_to_num(team.baseline.excess_kurtosis)[at]

    def stack(of: Callable[[GroupMoments], Any]) -> Floats:
        found = [of(part) for part in groups]
        return np.concatenate(found) if found else np.zeros(kurtosis.shape)

    n, variance = stack(lambda m: m.count), stack(lambda m: m.variance())
    lower, upper = variance_interval(n, variance, excess_kurtosis=kurtosis)
    dims = ("agent", "feature")
    student = {**_INTERVAL, "method": "Student, independent rows"}
    square = {**_INTERVAL, "method": "chi-square, kurtosis of the team"}
    variables: dict[str, Variable] = {
        "n": (dims, n.astype(np.int64), {"units": "rows"}),
        "mean": (dims, stack(lambda m: m.mean()), {"method": "exact sums"}),
        "mean_lower": (dims, stack(lambda m: m.mean_interval()[0]), student),
        "mean_upper": (dims, stack(lambda m: m.mean_interval()[1]), student),
        "variance": (dims, variance, _EXACT),
        "standard_deviation": (dims, np.sqrt(variance), {"ddof": 1}),
        "variance_lower": (dims, lower, square),
        "variance_upper": (dims, upper, square),
        "excess_kurtosis": (dims, kurtosis, {"method": "of the team's rows"}),
    }
    return label_arrived(xr.Dataset(variables, coords), night)


def _agent_coords(
    night: Night,
) -> tuple[dict[str, tuple[str, NDArray[Any]]], list[GroupMoments]]:
    """Names of agents, sites, teams and features; and the moments, site by site."""
    parts = {site: found for site, found in night.agents.items() if found.labels}
    sizes = [len(found.labels) for found in parts.values()]
    names = [name for found in parts.values() for name in found.labels]
    teams = [team for found in parts.values() for team in found.teams]
    features = night.schema.features
    coords: dict[str, tuple[str, NDArray[Any]]] = {
        "agent": ("agent", np.array(names, np.str_)),
        "site": ("agent", np.repeat(np.array(list(parts), np.str_), sizes)),
        "team": ("agent", np.array(teams, np.str_)),
        "feature": ("feature", np.array(night.schema.names)),
        "unit": ("feature", np.array([f.unit for f in features])),
    }
    return coords, [found.groups for found in parts.values()]
