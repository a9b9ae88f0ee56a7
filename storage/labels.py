"""Read one label per agent, from beside an array or from a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import zarr
from numpy.typing import NDArray

from storage.chunk_store import open_store
from storage.errors import Corrupt, NotFound, StoreFormat

__all__ = ["axis_labels", "read_labels"]

_DAMAGE = (ValueError, TypeError, RuntimeError, KeyError, OSError, pa.ArrowException)


def read_labels(place: str, url: str, path: str, snapshot: str | None) -> NDArray[Any]:
    """Read labels.

    Parameters
    ----------
    place : str
        The name of an array beside the data (``team``), whose numbers are places in
        ``team_name`` where that is beside it too; or a file ``.npy``; or a column
        of a table, ``file.parquet:column`` or ``file.csv:column``; or the folder of a
        zarr array.
    url, path, snapshot : str
        The data that they belong to, as in `ChunkSource`.

    Returns
    -------
    array, shape (n,)
        Integers or text; text that is missing is None.

    Raises
    ------
    NotFound
        When there is no such array, file or column.
    StoreFormat
        When it is not one integer or text per entry.
    Corrupt
        When it cannot be read.
    """
    file, _, column = place.rpartition(":")
    try:
        if Path(file).suffix in {".parquet", ".csv"}:
            found = _column(Path(file), column)
        elif Path(place).suffix == ".npy":
            found = np.load(place, allow_pickle=False)
        elif "/" not in place and not Path(place).exists():
            found = _named(url, path, place, snapshot)
        else:
            found = _zarr(place, "", None)
    except FileNotFoundError as error:
        raise NotFound(f"labels {place}: there is no such file.") from error
    except _DAMAGE as error:
        raise Corrupt(
            f"labels {place}: cannot be read: {str(error).strip()[:200]}. "
            "Check the file."
        ) from error
    if found.ndim != 1 or found.dtype.kind not in "iuUTO":
        raise StoreFormat(
            f"labels {place}: shape {found.shape} of {found.dtype}, expected one axis "
            "of integers or text. Give one label per agent."
        )
    return found


def axis_labels(url: str, path: str, snapshot: str | None, length: int) -> list[str]:
    """Names along the last axis of an array: those beside it, or numbers.

    xarray keeps the names of an axis as an array of the axis's name beside the data.
    """
    store = open_store(url, snapshot)
    array = zarr.open_array(store.zarr, path=path, mode="r")
    dims = getattr(array.metadata, "dimension_names", None)
    if dims and dims[-1]:
        place = _beside(url, path, dims[-1])
        if _exists(*place, snapshot):
            found = _zarr(*place, snapshot)
            if found.shape == (length,):
                return [str(value) for value in found]
    return [str(i) for i in range(length)]


def _named(url: str, path: str, name: str, snapshot: str | None) -> NDArray[Any]:
    """Labels beside the data; numbers become names where there is a list of them."""
    found = _zarr(*_beside(url, path, name), snapshot)
    place = _beside(url, path, f"{name}_name")
    if found.dtype.kind not in "iu" or not _exists(*place, snapshot):
        return found
    names = _zarr(*place, snapshot)
    if found.size and int(found.max()) >= len(names):
        raise Corrupt(
            f"labels {name}: the largest number is {found.max()}, there are "
            f"{len(names)} in {name}_name. Write both again."
        )
    return np.where(found < 0, "", np.append(names, "")[np.maximum(found, -1)])


def _beside(url: str, path: str, name: str) -> tuple[str, str]:
    """Address and path of an array in the group that holds another one."""
    if not path:
        return str(Path(url).parent / name), ""
    base, slash, _ = path.rpartition("/")
    return url, f"{base}{slash}{name}"


def _exists(url: str, path: str, snapshot: str | None) -> bool:
    document = f"{path}/zarr.json" if path else "zarr.json"
    if not path:
        return (Path(url) / document).is_file()
    return open_store(url, snapshot).has(document)


def _zarr(url: str, path: str, snapshot: str | None) -> NDArray[Any]:
    try:
        store = open_store(url, snapshot).zarr
        array = zarr.open_array(store, path=path, mode="r")
    except (FileNotFoundError, NotFound) as error:
        raise NotFound(
            f"labels {path or url}: there is no such array in {url}. Name an array "
            "beside the data, a file .npy, or file.parquet:column."
        ) from error
    values = np.asarray(array[...])
    return (
        np.array(values.tolist(), dtype=np.str_) if values.dtype.kind == "T" else values
    )


def _column(file: Path, name: str) -> NDArray[Any]:
    if not file.is_file():
        raise FileNotFoundError(file)
    table = (
        pyarrow.parquet.read_table(file)
        if file.suffix == ".parquet"
        else pyarrow.csv.read_csv(file)
    )
    if name not in table.column_names:
        raise NotFound(
            f"labels {file}: no column {name!r}, there are "
            f"{', '.join(table.column_names)}. Name one of them."
        )
    found: NDArray[Any] = table.column(name).to_numpy()
    return found
