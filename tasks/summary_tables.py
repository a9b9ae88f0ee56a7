"""Turn the summary of an array into a table of groups and features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stats.clustered import ClusteredMoments
from stats.float_moments import FloatMoments
from stats.quantiles import GroupQuantiles

__all__ = ["QUANTILES", "TABLES"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LEVEL = 0.95


def _share(count: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of cells that hold a value; NaN for a group without cells."""
    whole = np.where(cells > 0, cells, np.nan)[:, None]
    return np.asarray(count / whole, dtype=np.float64)


def _moments(found: ClusteredMoments, cells: NDArray[np.int64]) -> xr.Dataset:
    rows, axes = found.rows, ("group", "feature")
    mean, lower, upper = found.mean_interval(_LEVEL)
    said = f"{_LEVEL:.0%} of the mean; rows of one agent are not independent"
    table = xr.Dataset(
        {
            "n": (axes, rows.count, {"long_name": "values that are there"}),
            "coverage": (axes, _share(rows.count, cells)),
            "mean": (axes, mean),
            "lower": (axes, lower, {"long_name": f"lower bound, {said}"}),
            "upper": (axes, upper, {"long_name": f"upper bound, {said}"}),
            "sd": (axes, np.sqrt(rows.variance()), {"long_name": "of rows, ddof 1"}),
            "minimum": (axes, rows.minimum),
            "maximum": (axes, rows.maximum),
        }
    )
    if rows.pairs:
        square = (*axes, "other_feature")
        table["covariance"] = (square, rows.covariance())
        table["correlation"] = (square, rows.correlation())
    return table


def _quantiles(found: GroupQuantiles, cells: NDArray[np.int64]) -> xr.Dataset:
    axes = ("group", "feature")
    values = np.moveaxis(found.quantile(QUANTILES), 0, -1)
    error = {"relative_error": found.quantile_error}
    return xr.Dataset(
        {
            "n": (axes, found.count, {"long_name": "values that are there"}),
            "coverage": (axes, _share(found.count, cells)),
            "value": ((*axes, "quantile"), values, error),
        },
        {"quantile": list(QUANTILES)},
    )


def _shape(found: FloatMoments, cells: NDArray[np.int64]) -> xr.Dataset:
    axes = ("group", "feature")
    digits = "means take about log10(1 + condition) digits; float sums, not exact"
    return xr.Dataset(
        {
            "n": (axes, found.count, {"long_name": "values that are there"}),
            "coverage": (axes, _share(found.count, cells)),
            "mean": (axes, found.mean()),
            "sd": (axes, np.sqrt(found.variance()), {"long_name": "of rows, ddof 1"}),
            "skewness": (axes, found.skewness(bias=False)),
            "kurtosis": (axes, found.kurtosis(bias=False), {"long_name": "excess"}),
            "minimum": (axes, found.minimum),
            "maximum": (axes, found.maximum),
            "condition": (axes, found.condition(), {"long_name": digits}),
        }
    )


# By statistic: from the summary, and how many cells each group has, (g,).
TABLES: Mapping[str, Callable[[Any, NDArray[np.int64]], xr.Dataset]] = {
    "moments": _moments,
    "spread": _moments,
    "quantiles": _quantiles,
    "shape": _shape,
}
