"""Exact statistics of any grouped array: one pass, a table, and what the pass took."""

from __future__ import annotations

import functools
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stats.clustered import ClusteredMoments
from stats.float_moments import FloatMoments
from stats.quantiles import GroupQuantiles
from storage.chunks import ChunkSource, Missing
from storage.labels import axis_labels, read_labels
from tasks.array_pass import ArrayPass
from tasks.memory import Prediction, allowed_bytes, peak_memory
from tasks.probe import Summarize
from tasks.progress import report_progress
from tasks.summary_tables import QUANTILES, TABLES

__all__ = [
    "BUILD",
    "ArraySummary",
    "OutputExists",
    "Statistic",
    "refuse_used",
    "summarize_array",
    "summary_rows",
    "write_summary",
]

Statistic = Literal["moments", "spread", "quantiles", "shape"]
BUILD: Mapping[str, Summarize] = {
    "moments": ClusteredMoments.from_block,
    "spread": functools.partial(ClusteredMoments.from_block, pairs=False),
    "quantiles": GroupQuantiles.from_block,
}


def _build(statistic: Statistic, source: ChunkSource) -> Summarize:
    """How a block is summarised; float sums need a centre: that of the first chunk."""
    if statistic != "shape":
        return BUILD[statistic]
    center = FloatMoments.center_from(source.read(0))
    return functools.partial(FloatMoments.from_block, center=center, higher=True)


class OutputExists(FileExistsError):
    """The folder for results holds something already; nothing was computed."""

    kind: ClassVar[str] = "output_exists"


@dataclass(frozen=True, slots=True)
class ArraySummary:
    """Statistics of an array by group, and what they took.

    Attributes
    ----------
    table : xarray.Dataset
        Axes group and feature; ``coverage`` is the share of values that are there.
    facts : dict
        Plain values: digest, codec, agents, rows, processor ns per row, predicted and
        measured memory in bytes, and where the data lie.
    """

    table: xr.Dataset
    facts: dict[str, Any]


def summarize_array(
    url: str,
    path: str = "",
    *,
    groups: str | None = None,
    statistic: Statistic = "moments",
    threads: int = 1,
    memory_limit: str | None = None,
    snapshot: str | None = None,
    missing: Missing | None = None,
) -> ArraySummary:
    """Summarise an array by group.

    Parameters
    ----------
    url, path, snapshot, missing
        The array, as in `ChunkSource.open`.
    groups : str, optional
        Where the label of each agent is, as in `storage.labels.read_labels`; None puts
        all agents into one group.
    statistic : {"moments", "spread", "quantiles", "shape"}
        Spread is moments without products of different features; shape has skewness
        and kurtosis, in float sums about a centre that the first chunk gives.
    threads : int
        Chunks worked on at once.
    memory_limit : str, optional
        As in `reduce_array`.

    Raises
    ------
    StorageError
        When array or labels are not there, not usable or damaged.
    InvalidInput
        When there is not one label per agent.
    MemoryLimit
        When it would not fit; nothing was read.
    """
    source = ChunkSource.open(url, path, snapshot=snapshot, missing=missing)
    names, codes = _encoded(source, groups)
    build = _build(statistic, source)
    planned = ArrayPass.plan(source, codes, len(names), build)
    predicted = planned.predict(threads=threads)
    allowed = allowed_bytes(memory_limit, None)
    predicted.require(allowed, "summarize")
    start = time.process_time()
    found = planned.run(
        threads=threads,
        progress=lambda done, total: report_progress("chunks", done, total),
    )
    spent = time.process_time() - start
    facts = {
        "array": url,
        "path": path,
        "statistic": statistic,
        "groups": len(names),
        "digest": found.digest(),
        "exact": found.exact,
        "memory_allowed": allowed,
        **_facts(source, spent, predicted),
    }
    agents = np.bincount(codes[codes >= 0], minlength=len(names))
    table = TABLES[statistic](found, agents * source.shape[1])
    features = axis_labels(source.url, source.path, source.snapshot, source.shape[2])
    names_of = {"group": names, "feature": features, "other_feature": features}
    # Objects: text of fixed length has no specification in zarr v3.
    table = table.assign_coords(
        {
            axis: np.array(names_of[axis], dtype=object)
            for axis in names_of
            if axis in table.dims
        }
    )
    table["agents"] = ("group", agents, {"long_name": "agents of the group"})
    return ArraySummary(table.assign_attrs(_plain(facts)), facts)


def _facts(source: ChunkSource, spent: float, predicted: Prediction) -> dict[str, Any]:
    """What was read, and what it took: `spent` seconds of a processor."""
    rows = source.shape[0] * source.shape[1]
    return {
        "snapshot": source.snapshot,
        "agents": source.shape[0],
        "times": source.shape[1],
        "features": source.shape[2],
        "chunks": source.n_chunks,
        "bytes": source.n_bytes,
        "codec": source.codec,
        "nanoseconds_per_row": round(1e9 * spent / rows, 1),
        "memory_predicted": predicted.bytes,
        "memory_predicted_parts": dict(predicted.parts),
        "memory_peak": peak_memory(),
    }


def _encoded(
    source: ChunkSource, groups: str | None
) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the groups, sorted, and the group of each agent; -1 for no label."""
    if groups is None:
        return ["all"], np.zeros(source.shape[0], dtype=np.int64)
    labels = read_labels(groups, source.url, source.path, source.snapshot)
    if labels.dtype.kind in "iu":
        none = labels < 0
    else:
        none = np.array([label in (None, "") for label in labels], dtype=bool)
        labels = np.where(none, "", labels).astype(np.str_)
    found, codes = np.unique(labels[~none], return_inverse=True)
    out = np.full(len(labels), -1, dtype=np.int64)
    out[~none] = codes
    return [str(name) for name in found], out


def summary_rows(found: ArraySummary, most: int) -> list[dict[str, Any]]:
    """Return at most `most` rows of the table, one per group and feature, as values.

    Quantiles are named by their share, for example ``q0.5``; NaN is None.
    """
    table = found.table
    names = [
        str(name)
        for name in table.data_vars
        if table[name].dims == ("group", "feature")
    ]
    features = table.sizes["feature"]
    rows = []
    for at in range(min(most, table.sizes["group"] * features)):
        cell = {"group": at // features, "feature": at % features}
        one = table.isel(cell)
        row: dict[str, Any] = {name: str(one[name].item()) for name in cell}
        row |= {name: _value(one[name].item()) for name in names}
        if "quantile" in table.dims:
            shares = zip(QUANTILES, one["value"].values.tolist(), strict=True)
            row |= {f"q{share:g}": _value(value) for share, value in shares}
        rows.append(row)
    return rows


def _value(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as attributes of a zarr group."""
    return {key: "" if value is None else value for key, value in facts.items()}


def write_summary(found: ArraySummary, folder: Path) -> tuple[Path, Path]:
    """Write ``summary.zarr`` and ``summary.json``; nothing is overwritten.

    Returns
    -------
    tuple of Path
        The zarr store, which ``xarray.open_zarr`` opens, and the facts.

    Raises
    ------
    OutputExists
        When the folder is not empty.
    """
    refuse_used(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table, facts = folder / "summary.zarr", folder / "summary.json"
    found.table.to_zarr(table, mode="w-", consolidated=False)
    text = json.dumps(found.facts, indent=2, ensure_ascii=False, allow_nan=False)
    facts.write_text(text + "\n", encoding="utf-8")
    return table, facts


def refuse_used(folder: Path) -> None:
    """Refuse a folder that holds something.

    Raises
    ------
    OutputExists
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputExists(
            f"summarize: {folder} is not empty. Choose another folder for the results."
        )
