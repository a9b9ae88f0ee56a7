"""What is missing, beside the arrays it touches: for the store and for analysts."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tasks.baselines import Level
from tasks.missing import missing_on, tonight
from tasks.night import Night

__all__ = [
    "ARRIVED_ONLY",
    "label_arrived",
    "lacking_nights",
    "missing_attributes",
    "tonight_variables",
]

Variable = tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]

ARRIVED_ONLY = "arrived agents only"
# Statistics of rows: no rule knows what the missing ones would have been.
_PREFIXES = (
    "covariance", "shrunk_covariance", "correlation", "quantiles", "variance",
    "standard_deviation", "excess_kurtosis", "mean",
)  # fmt: skip
_SUFFIXES = ("_within", "_between")
# Arrays over nights, tonight among them.
_TONIGHT = ("nightly_mean", "nightly_lower", "nightly_upper")
_ORDER: tuple[Level, ...] = ("all", "site", "team")


def lacking_nights(night: Night, groups: NDArray[np.str_]) -> NDArray[np.int64]:
    """Nights before tonight, since the site's first, that a baseline lacks.

    Parameters
    ----------
    night : Night
    groups : string array, shape (n,)
        Sites, or teams as ``site/team``; "all" lacks a night if any site does.
    """
    before = night.view.nights[:-1]
    absent = [missing_on(night.view, when) for when in before]
    known = {
        site.site: sum(site.site in missing for missing in absent)
        for site in night.view.sites
    }
    known["all"] = sum(bool(missing) for missing in absent)
    return np.array([known[str(g).split("/", 1)[0]] for g in groups], np.int64)


def missing_attributes(night: Night) -> dict[str, Any]:
    """Attributes that say what tonight and the baselines lack."""
    view = night.view
    lacking = {
        site.site: int(n)
        for site, n in zip(
            view.sites,
            lacking_nights(night, np.array([s.site for s in view.sites], np.str_)),
            strict=True,
        )
    }
    return {
        "missing_sites": list(view.missing_sites),
        "arrived_share": float(min(view.arrived_share, 1.0)),
        "partial_baselines": [f"{site}: {n}" for site, n in lacking.items() if n],
    }


def label_arrived(found: xr.Dataset, night: Night) -> xr.Dataset:
    """Say what is missing, and of each statistic of rows whose rows they are.

    Parameters
    ----------
    found : xarray.Dataset
        Of a published night; the attributes of its arrays are written to.
    night : Night

    Returns
    -------
    xarray.Dataset
        With the attributes of `missing_attributes`.  ``population`` of an array is
        "arrived agents only" where the window, or tonight if the array reaches to it,
        lacks a night of some site, else "all agents".
    """
    partial = bool(lacking_nights(night, np.array(["all"]))[0])
    for name in map(str, found.variables):
        if name.startswith(_TONIGHT):
            missing = partial or bool(night.view.missing_sites)
        elif name.startswith(_PREFIXES) or name.endswith(_SUFFIXES):
            missing = partial
        else:
            continue
        found[name].attrs["population"] = ARRIVED_ONLY if missing else "all agents"
    return found.assign_attrs(missing_attributes(night))


def tonight_variables(night: Night) -> dict[str, Variable]:
    """Tonight's means at every level, silent sites included."""
    levels = tonight(night.view, night.baselines, night.schema)
    about = {
        "level": 0.95,
        "assumption": levels["all"].assumption,
        "silent_groups": levels["site"].assumption,
    }
    worst = {"level": 0.95, "method": "Manski bound over the declared range"}
    names: dict[str, dict[str, Any]] = {
        "estimate": about,
        "lower": about,
        "upper": about,
        "worst_lower": worst,
        "worst_upper": worst,
        "arrived_mass": {"units": "share of the usual rows"},
        "age": {"units": "nights", "what": "age of the oldest part, -1 for never seen"},
        "flagged": {"what": "history too short to trust the interval"},
    }
    dims = ("group", "feature")
    return {
        f"tonight_{name}": (
            dims,
            np.concatenate([getattr(levels[level], name) for level in _ORDER]),
            attributes,
        )
        for name, attributes in names.items()
    }
