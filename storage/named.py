"""An array with names for its axes, and the zarr v3 metadata it is stored under."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from zarr.core.metadata import ArrayV3Metadata

from storage.errors import StorageError

__all__ = ["NamedArray", "array_metadata"]


@dataclass(frozen=True, slots=True)
class NamedArray:
    """An array with names for its axes.

    Attributes
    ----------
    values : array
        bool, integer, floating or text.
    dims : tuple of str
        One name per axis.
    attributes : mapping
        Plain values.
    chunks : tuple of int, optional
        None keeps the array in one chunk.
    """

    values: NDArray[Any]
    dims: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    chunks: tuple[int, ...] | None = None

    def grid(self) -> tuple[int, ...]:
        """Shape of a chunk."""
        whole = tuple(max(1, size) for size in self.values.shape)
        return whole if self.chunks is None else self.chunks

    def chunk_count(self) -> int:
        """Chunks that must exist."""
        pairs = zip(self.values.shape, self.grid(), strict=True)
        return math.prod(-(-size // chunk) for size, chunk in pairs)


def _data_type(values: NDArray[Any]) -> tuple[str, Any, dict[str, Any]]:
    """Zarr name, fill value and array-to-bytes codec of a numpy array."""
    kind = values.dtype.kind
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    if kind in "UT":
        return "string", "", {"name": "vlen-utf8", "configuration": {}}
    if kind == "f":
        return values.dtype.name, "NaN", little
    if kind == "b":
        return "bool", False, little
    if kind in "iu":
        return values.dtype.name, 0, little
    raise StorageError(
        f"write_group: type {values.dtype} cannot be stored, expected bool, integer, "
        "floating or text. Convert the array."
    )


def array_metadata(item: NamedArray) -> ArrayV3Metadata:
    """Metadata of an array: lz4 with bitshuffle, then a crc32c over each chunk.

    Raises
    ------
    StorageError
        For a type that cannot be stored.
    """
    name, fill, serializer = _data_type(item.values)
    size = 1 if name == "string" else item.values.dtype.itemsize
    blosc: dict[str, Any] = {
        "typesize": size,
        "cname": "lz4",
        "clevel": 5,
        "shuffle": "bitshuffle",
        "blocksize": 0,
    }
    return ArrayV3Metadata.from_dict(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(item.values.shape),
            "data_type": name,
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": list(item.grid())},
            },
            "chunk_key_encoding": {
                "name": "default",
                "configuration": {"separator": "/"},
            },
            "fill_value": fill,
            "codecs": [
                serializer,
                {"name": "blosc", "configuration": blosc},
                {"name": "crc32c"},
            ],
            "attributes": dict(item.attributes),
            "dimension_names": list(item.dims),
            "storage_transformers": [],
        }
    )
