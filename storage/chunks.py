"""Read a zarr array chunk by chunk along its first axis, with one decode per chunk.

Reading through zarr-python costs a quarter to a half more processor time than the
decoder alone, and several times as much for a whole array at once
(docs/adr/0006-reader-and-codec.md).  Where the codecs are known, the stored bytes are
decoded here; everything else that zarr-python can read is read by it, a slab at a time.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from storage import repository
from storage.chunk_store import ByteStore, open_store
from storage.decode import ChunkCodec, codec_text, parse_codecs
from storage.errors import Corrupt, NotFound, StoreFormat
from storage.sealing import unsealed
from storage.shard_index import inner_chunks_missing

__all__ = ["ChunkSource", "Missing"]

Missing = Literal["refuse", "fill"]
_MISSING = "missing_chunks"
# What zarr-python raises for a damaged chunk or a node it cannot read.
_DAMAGE = (ValueError, TypeError, RuntimeError, KeyError, NotImplementedError, OSError)


@dataclass(frozen=True, slots=True)
class ChunkSource:
    """Description of an array on disk: small, picklable, opened once per process.

    Attributes
    ----------
    url : str
        Folder of a zarr hierarchy, or an Icechunk repository (path, file://, s3://).
    path : str
        Of the array inside; empty when `url` is the array.
    snapshot : str or None
        Icechunk snapshot that every read sees.
    shape : tuple of int
        Agents, times, features.
    chunk_shape : tuple of int
        Of what `read` gives: all times and features of some agents.
    dtype : str
        Native numpy dtype.
    codec : str
        For people, for example ``bytes + zstd(0)``.
    missing : {"refuse", "fill"}
        What a chunk that is not stored means.
    direct : ChunkCodec or None
        How to decode a chunk; None leaves it to zarr-python.
    keys : tuple of two str
        What stands before and after i in the key of chunk i.

    Notes
    -----
    zarr reads a lost chunk as fill values.  Here it is `Corrupt`, unless the array
    says so by the attribute ``missing_chunks: "fill"`` or the caller does.
    """

    url: str
    path: str
    snapshot: str | None
    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    dtype: str
    codec: str
    missing: Missing
    direct: ChunkCodec | None
    keys: tuple[str, str]

    @classmethod
    def open(
        cls,
        url: str,
        path: str = "",
        *,
        snapshot: str | None = None,
        missing: Missing | None = None,
    ) -> Self:
        """Read the metadata of an array.

        Parameters
        ----------
        url, path : str
        snapshot : str, optional
            Snapshot or tag of an Icechunk repository; the newest by default.
        missing : {"refuse", "fill"}, optional
            Overrides what the array says.

        Raises
        ------
        NotFound
            When there is no store or no array.
        StoreFormat
            When it is no array of numbers with three axes, or not readable here.
        Corrupt
            When the metadata are damaged.
        """
        url, path = repository.absolute(str(url)), path.strip("/")
        store = open_store(url, snapshot)
        where = f"array {url}{f' at {path}' if path else ''}"
        document = _document(store, path, where)
        array = _open_array(store, path, where)
        shape, grid = tuple(array.shape), tuple(array.shards or array.chunks)
        dtype = _number(array.dtype, shape, where)
        said = dict(array.attrs).get(_MISSING, "refuse")
        direct = None
        codecs: list[Mapping[str, Any]] = []
        if document is not None:
            codecs = document["codecs"]
            if grid[1:] == shape[1:]:
                direct = parse_codecs(codecs, dtype, grid)
        before, after = array.metadata.encode_chunk_key((7, 0, 0)).split("7")
        return cls(
            url=url,
            path=path,
            snapshot=store.snapshot,
            shape=shape,
            chunk_shape=(grid[0], *shape[1:]),
            dtype=dtype.name,
            codec=codec_text(codecs) if document else "zarr format 2",
            missing=missing or ("fill" if said == "fill" else "refuse"),
            direct=direct,
            keys=(_join(path, before), after),
        )

    @property
    def n_chunks(self) -> int:
        """How many reads give the whole array."""
        return -(-self.shape[0] // self.chunk_shape[0])

    @property
    def n_bytes(self) -> int:
        """Bytes of the whole array, decoded."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one whole chunk, decoded."""
        items = int(np.prod(self.chunk_shape, dtype=np.int64))
        return items * np.dtype(self.dtype).itemsize

    @property
    def copies(self) -> int:
        """Whole decoded chunks that a read holds at once, at most."""
        if self.direct is None:
            return 3  # zarr-python: the slab, its parts, and their compressed bytes
        return 1 if np.dtype(self.direct.dtype).isnative else 2

    def agents(self, i: int) -> slice:
        """Agents of chunk i.

        Raises
        ------
        NotFound
            When there is no such chunk.
        """
        if not 0 <= i < self.n_chunks:
            raise NotFound(
                f"{self._where()}: no chunk {i}, there are {self.n_chunks}. Use 0 to "
                f"{self.n_chunks - 1}."
            )
        start = i * self.chunk_shape[0]
        return slice(start, min(start + self.chunk_shape[0], self.shape[0]))

    def read(self, i: int) -> NDArray[Any]:
        """Read and decode chunk i.

        Returns
        -------
        array, shape (agents, times, features)
            A view of one fresh buffer; its strides follow the physical order.

        Raises
        ------
        Corrupt
            When a chunk is missing, cut or does not decode.
        """
        rows = self.agents(i)
        store = open_store(self.url, self.snapshot)
        key = f"{self.keys[0]}{i}{self.keys[1]}"
        raw = None if self.direct is None else store.get(key)
        if self.direct is None or raw is None:
            return self._by_zarr(store, i, rows)
        try:
            values = self.direct.decode(raw)
        except ValueError as error:
            raise self._damaged(i, f"does not decode: {error}") from error
        return values[: rows.stop - rows.start]

    def _by_zarr(self, store: ByteStore, i: int, rows: slice) -> NDArray[Any]:
        """Let zarr-python read a slab, after looking that nothing of it is missing."""
        array = _open_array(store, self.path, self._where())
        if self.missing == "refuse":
            lost = self._lost(store, array, i)
            if lost:
                raise self._damaged(
                    i, f"is missing ({lost} objects or inner chunks are not stored)"
                )
        try:
            return np.asarray(array[rows])
        except _DAMAGE as error:
            raise self._damaged(i, f"does not decode: {error}") from error

    def _lost(self, store: ByteStore, array: Any, i: int) -> int:
        """Count the stored objects, and inner chunks of shards, that slab i lacks."""
        grid = tuple(array.shards or array.chunks)
        rest = [
            range(-(-n // size))
            for n, size in zip(self.shape[1:], grid[1:], strict=True)
        ]
        codecs = [] if array.shards is None else array.metadata.to_dict()["codecs"]
        lost = 0
        for place in itertools.product([i], *rest):
            key = _join(self.path, array.metadata.encode_chunk_key(place))
            if not codecs:
                lost += not store.has(key)
                continue
            inside = tuple(
                min(size, n - at * size)
                for at, size, n in zip(place, grid, self.shape, strict=True)
            )
            raw = store.get(key)
            lost += inner_chunks_missing(raw, codecs, grid, inside, self._where())
        return lost

    def _where(self) -> str:
        return f"array {self.url}{f' at {self.path}' if self.path else ''}"

    def _damaged(self, i: int, what: str) -> Corrupt:
        rows = self.agents(i)
        return Corrupt(
            f"{self._where()}: chunk {i} (agents {rows.start} to {rows.stop - 1}) "
            f"{what}. Restore it from a copy; where a chunk that is not stored means "
            f'fill values, give the array the attribute {_MISSING}: "fill".'
        )


def _join(path: str, key: str) -> str:
    return f"{path}/{key}" if path else key


def _document(store: ByteStore, path: str, where: str) -> dict[str, Any] | None:
    """Metadata of a zarr v3 array; None for one of format 2.

    A document that this package sealed is held to its seal.
    """
    raw = store.get(_join(path, "zarr.json"))
    if raw is None:
        if store.has(_join(path, ".zarray")):
            return None
        raise NotFound(f"{where}: does not exist. Check the path of the array.")
    try:
        document: dict[str, Any] = json.loads(bytes(raw))
        kind, attributes = document["node_type"], document.get("attributes") or {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(
            f"{where}: zarr.json cannot be read ({error!r}). Restore it from a copy."
        ) from error
    if kind != "array":
        raise StoreFormat(
            f"{where}: is a {kind}, expected an array. Give the path of the array "
            "inside it."
        )
    return unsealed(bytes(raw), path) if "seal" in attributes else document


def _open_array(store: ByteStore, path: str, where: str) -> Any:
    try:
        return zarr.open_array(store.zarr, path=path, mode="r")
    except _DAMAGE as error:
        raise StoreFormat(
            f"{where}: cannot be read by zarr {zarr.__version__}: "
            f"{str(error).strip()[:200]}. Install the codecs it was written with, or "
            "write it again."
        ) from error


def _number(dtype: Any, shape: tuple[int, ...], where: str) -> np.dtype[Any]:
    """Return the dtype, or refuse an array without statistics."""
    if len(shape) != 3 or min(shape) < 1 or getattr(dtype, "kind", "") not in "iuf":
        raise StoreFormat(
            f"{where}: shape {shape} of {dtype}, expected numbers with three axes: "
            "agents, times, features, none of them empty. Reshape the array."
        )
    native: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    return native
