"""Write labelled arrays as Parquet tables, one per set of axes, and read them back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from storage.arrays import Stored, group_attributes, open_arrays, run
from storage.digests import arrays_digest
from storage.errors import Corrupt
from storage.results import KEPT_BY_STORE, write_table
from storage.store import BehaviorStore
from storage.verify_nodes import list_nodes

__all__ = ["export_results", "result_groups"]

Axes = tuple[str, ...]


def result_groups(store: BehaviorStore) -> tuple[str, ...]:
    """Paths of the groups of results that hold arrays."""
    nodes = set(list_nodes(store.reader))
    inner = {path.rpartition("/")[0] for path in nodes if path.startswith("runs/")}
    return tuple(
        path
        for path in sorted(inner & nodes)
        if run(group_attributes(store.reader, path)).get(KEPT_BY_STORE[0])
    )


def export_results(store: BehaviorStore, group: str, root: Path) -> list[Path]:
    """Write the arrays of a group; every table is read back and compared.

    Returns
    -------
    list of Path
        One file per set of axes, named after them: ``agent-feature.parquet`` has a row
        per agent and feature, with their labels, and a column per array.

    Raises
    ------
    Corrupt
        When an array is damaged or a table does not give back the same bits.
    """
    names = run(group_attributes(store.reader, group))[KEPT_BY_STORE[0]]
    opened = run(open_arrays(store.reader, group, names))
    arrays = {name: run(item.read()) for name, item in opened.items()}
    by_axes: dict[Axes, list[str]] = {}
    for name, item in opened.items():
        by_axes.setdefault(item.dims, []).append(name)
    return [
        _write_axes(root / group, axes, held, opened, arrays)
        for axes, held in sorted(by_axes.items())
    ]


def _write_axes(
    folder: Path,
    axes: Axes,
    names: list[str],
    opened: Mapping[str, Stored],
    arrays: Mapping[str, NDArray[Any]],
) -> Path:
    shape = opened[names[0]].shape
    columns: dict[str, Any] = {}
    for place, (axis, size) in enumerate(zip(axes, shape, strict=True)):
        label = arrays[axis] if axis in arrays and arrays[axis].ndim == 1 else None
        column = np.arange(size) if label is None else label
        along = [1] * len(shape)
        along[place] = size
        columns[axis] = np.broadcast_to(column.reshape(along), shape).reshape(-1)
    columns |= {name: arrays[name].reshape(-1) for name in names}
    path = folder / f"{'-'.join(axes) or 'values'}.parquet"
    write_table(path, columns)
    _compare(path, {name: arrays[name] for name in names})
    return path


def _compare(path: Path, expected: Mapping[str, NDArray[Any]]) -> None:
    table = pq.read_table(path)
    found = {}
    for name, values in expected.items():
        read = table[name].to_numpy()
        kind = np.str_ if values.dtype.kind == "U" else values.dtype
        found[name] = np.asarray(read.tolist() if kind is np.str_ else read, dtype=kind)
        found[name] = found[name].reshape(values.shape)
    if arrays_digest(found) != arrays_digest(expected):
        raise Corrupt(
            f"export {path}: read back with other values. Check disk and memory, and "
            "export again."
        )
