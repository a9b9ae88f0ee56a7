"""Results of runs: labelled arrays and identity, all of them or none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from icechunk import IcechunkStore
from numpy.typing import NDArray
from zarr.abc.store import Store

from storage.arrays import (
    group_attributes,
    missing_groups,
    open_arrays,
    run,
    write_group,
    write_groups,
)
from storage.digests import CONTENT, arrays_digest
from storage.errors import Corrupt, StorageError
from storage.layout import parents
from storage.named import NamedArray
from storage.store import BehaviorStore

__all__ = [
    "KEPT_BY_STORE",
    "TAGGED",
    "Labelled",
    "read_attributes",
    "read_results",
    "write_results",
    "write_table",
]

Labelled = tuple[tuple[str, ...], NDArray[Any], Mapping[str, Any]]
"""An array with the names of its axes before and its attributes after it."""
TAGGED = "tag"
"""Field of a commit's metadata: the tag that its snapshot was given."""
_CHUNK_BYTES = 16 * 2**20
_NAMES = "arrays"
KEPT_BY_STORE = (_NAMES, CONTENT)
"""Attributes of a group that say what is in it; not given by who wrote it."""


def write_results(
    store: BehaviorStore,
    groups: Mapping[str, Mapping[str, Labelled]],
    *,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    message: str = "write results",
    metadata: Mapping[str, Any] | None = None,
    tag: str | None = None,
) -> str:
    """Write groups of labelled arrays in one commit, and name its snapshot.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing; it moves on to the new snapshot.
    groups : mapping
        Path to arrays by name, each (dims, array, attributes); bool, integer, floating
        or text.  A group that is there, left by a run that died before its tag, is
        replaced.
    attributes : mapping, optional
        Path to plain values (JSON, without NaN) of that group.
    message, metadata
        Of the commit.
    tag : str, optional
        Name for the snapshot.

    Returns
    -------
    str
        Snapshot id.

    Raises
    ------
    StorageError
        When a value cannot be stored, the store is read-only, or the tag is taken; a
        tag that is taken is found before anything is written.
    Locked, Conflict
        When the commit cannot be made; nothing is stored.
    """
    if tag is not None and tag in store.tags():
        raise StorageError(
            f"write_results: tag {tag!r} exists. Give the run the next revision."
        )
    named = {path: _named(path, items) for path, items in groups.items()}
    plain = {
        path: _checked(path, values) for path, values in (attributes or {}).items()
    }

    def write(session: IcechunkStore) -> None:
        run(_write(session, named, plain))

    said = {} if tag is None else {TAGGED: tag}
    snapshot = store.commit(write, message, {**(metadata or {}), **said})
    if tag is not None:
        store.tag(tag, snapshot)
    return snapshot


def _named(path: str, items: Mapping[str, Labelled]) -> dict[str, NamedArray]:
    out = {}
    sizes: dict[str, int] = {}
    for name, (dims, values, attributes) in items.items():
        array = np.asarray(values)
        if len(dims) != array.ndim:
            raise StorageError(
                f"write_results: {path}/{name} has {array.ndim} axes and names "
                f"{dims} for them. Give one name per axis."
            )
        for dim, size in zip(dims, array.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                raise StorageError(
                    f"write_results: axis {dim!r} of {path}/{name} has length {size}, "
                    f"elsewhere in {path} {sizes[dim]}. Give them different names."
                )
        fields = _checked(f"{path}/{name}", attributes)
        out[name] = NamedArray(array, tuple(dims), fields, _chunks(array))
    return out


def _chunks(array: NDArray[Any]) -> tuple[int, ...] | None:
    """Cut the first axis so that a chunk has about 16 MiB."""
    if array.nbytes <= _CHUNK_BYTES:
        return None
    rows = max(1, _CHUNK_BYTES * len(array) // array.nbytes)
    return (rows, *array.shape[1:])


def _checked(path: str, values: Mapping[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(dict(values), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StorageError(
            f"write_results: attributes of {path} are not plain JSON ({error}). "
            "Give numbers, text, lists and mappings; None for what is not known."
        ) from error
    return dict(values)


async def _write(
    store: Store,
    groups: Mapping[str, Mapping[str, NamedArray]],
    attributes: Mapping[str, Mapping[str, Any]],
) -> None:
    paths = sorted({*groups, *attributes})
    absent = await missing_groups(store, paths)
    for path in set(paths) - set(absent):
        await store.delete_dir(path)
    above = [path for path in parents(paths) if path not in attributes]
    await write_groups(store, await missing_groups(store, above))
    for path in paths:
        arrays = groups.get(path, {})
        fields = {**attributes.get(path, {}), _NAMES: sorted(arrays)}
        if arrays:
            values = {name: item.values for name, item in arrays.items()}
            fields[CONTENT] = arrays_digest(values)
        await write_group(store, path, fields, arrays)


def read_results(
    store: BehaviorStore, group: str, names: tuple[str, ...] | None = None
) -> dict[str, NDArray[Any]]:
    """Read the arrays of a group that `write_results` wrote.

    Parameters
    ----------
    store : BehaviorStore
    group : str
    names : tuple of str, optional
        None reads all.

    Raises
    ------
    NotFound
        When the group or an array is not in the snapshot.
    Corrupt
        When an array is incomplete or does not decode, or all are read and are not
        what was written.
    """
    return run(_read(store.reader, group, names))


async def _read(
    store: Store, group: str, names: tuple[str, ...] | None
) -> dict[str, NDArray[Any]]:
    attributes = await group_attributes(store, group)
    wanted = tuple(attributes.get(_NAMES, ())) if names is None else names
    opened = await open_arrays(store, group, wanted)
    found = await asyncio.gather(*(opened[name].read() for name in wanted))
    arrays = dict(zip(wanted, found, strict=True))
    stated = attributes.get(CONTENT)
    if names is None and stated is not None and arrays_digest(arrays) != stated:
        raise Corrupt(
            f"{group}: content has the hash {arrays_digest(arrays)[:12]}, was written "
            f"with {stated[:12]}. Run `consilience verify`; compute it again."
        )
    return arrays


def read_attributes(store: BehaviorStore, group: str) -> dict[str, Any]:
    """Read the plain values kept with a group.

    Raises
    ------
    NotFound
        When the group is not in the snapshot.
    """
    found = run(group_attributes(store.reader, group))
    for name in KEPT_BY_STORE:
        found.pop(name, None)
    return found


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns of equal length as a Parquet file, whole or not at all.

    Parameters
    ----------
    path : Path
        One that ends in ``.csv`` gets that instead.
    columns : mapping
        Name to array or list; None becomes null, NaN stays NaN.

    Raises
    ------
    StorageError
        When columns have different lengths or cannot be stored.
    """
    try:
        arrays = {name: pa.array(values) for name, values in columns.items()}
        table = pa.table(arrays)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise StorageError(
            f"write_table: {path.name}: {error}. Give columns of one length, each of "
            "one type."
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.partial")
    if path.suffix == ".csv":
        pa.csv.write_csv(table, draft)
    else:
        pa.parquet.write_table(table, draft, compression="zstd")
    draft.replace(path)
