"""Turn the stored bytes of one zarr v3 chunk into an array: one decode, no copy after.

The codecs are those whose meaning is a few lines here; every other array is left to
zarr-python.  Every size is checked before and after, because a cut chunk makes some
decoders read beyond their input and a short one leaves old memory in the array.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numcodecs.blosc
import numcodecs.zstd
import numpy as np
from numpy.typing import NDArray

__all__ = ["ChunkCodec", "codec_text", "parse_codecs"]

Raw = NDArray[np.uint8]
_BLOSC_HEADER = 16


@dataclass(frozen=True, slots=True)
class ChunkCodec:
    """How the bytes of a chunk become an array.

    Attributes
    ----------
    dtype : str
        Of the stored numbers, with byte order, for example ``<f4``.
    shape : tuple of int
        Of a whole chunk, logical axes.
    order : tuple of int
        Physical axis k holds logical axis ``order[k]``.
    names : tuple of str
        Codecs over the bytes, in the order in which they are undone.
    """

    dtype: str
    shape: tuple[int, ...]
    order: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def n_bytes(self) -> int:
        """Bytes of a whole decoded chunk."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    def decode(self, raw: memoryview) -> NDArray[Any]:
        """Decode a chunk.

        Parameters
        ----------
        raw : memoryview
            As stored.

        Returns
        -------
        array, shape `shape`
            A view of one fresh buffer, in native byte order.

        Raises
        ------
        ValueError
            When a checksum, a size or the compressed data are wrong; the caller says
            in which chunk.
        """
        flat = np.frombuffer(raw, dtype=np.uint8)
        for name in self.names:
            flat = _UNDO[name](flat, self.n_bytes)
        if flat.size != self.n_bytes:
            raise ValueError(f"{flat.size} bytes decoded, expected {self.n_bytes}")
        physical = flat.view(self.dtype).reshape([self.shape[k] for k in self.order])
        values = physical.transpose(np.argsort(self.order))
        native = values.dtype.newbyteorder("=")
        return values if values.dtype == native else values.astype(native)


def _zstd(data: Raw, size: int) -> Raw:
    del size
    try:
        # Into a buffer of its own: into a given one a short frame would pass.
        return np.frombuffer(numcodecs.zstd.decompress(data.data), dtype=np.uint8)
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def _blosc(data: Raw, size: int) -> Raw:
    header = data[:_BLOSC_HEADER].tobytes()
    stored = int.from_bytes(header[12:16], "little")
    if len(header) < _BLOSC_HEADER or stored != data.size:
        raise ValueError(f"blosc: {data.size} bytes are there, {stored} were written")
    decoded = int.from_bytes(header[4:8], "little")
    # A checksum may lie inside the compressed bytes: then a little more than `size`.
    if decoded > size + 4096:
        raise ValueError(f"blosc: {decoded} bytes announced, expected {size}")
    out = np.empty(decoded, dtype=np.uint8)
    try:
        numcodecs.blosc.decompress(data.data, out.data)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return out


def _gzip(data: Raw, size: int) -> Raw:
    del size
    try:
        return np.frombuffer(gzip.decompress(data.data), dtype=np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"gzip: {error}") from error


def _crc32c(data: Raw, size: int) -> Raw:
    del size
    body, stated = data[:-4], int.from_bytes(data[-4:].tobytes(), "little")
    found = google_crc32c.value(body)
    if data.size < 4 or found != stated:
        raise ValueError(f"crc32c is {found:08x}, was written as {stated:08x}")
    return body


_UNDO: dict[str, Callable[[Raw, int], Raw]] = {
    "blosc": _blosc,
    "crc32c": _crc32c,
    "gzip": _gzip,
    "zstd": _zstd,
}


def parse_codecs(
    codecs: Sequence[Mapping[str, Any]], dtype: np.dtype[Any], shape: tuple[int, ...]
) -> ChunkCodec | None:
    """Return how to decode a chunk, or None when zarr-python has to do it.

    Parameters
    ----------
    codecs : sequence of mapping
        As in the metadata of the array, in the order of encoding.
    dtype : numpy dtype
    shape : tuple of int
        Of a chunk.
    """
    order = list(range(len(shape)))
    names: list[str] = []
    endian: str | None = None
    for codec in codecs:
        name, options = codec.get("name"), codec.get("configuration") or {}
        if name == "transpose" and endian is None:
            turn = options.get("order")
            if not isinstance(turn, list) or sorted(turn) != list(range(len(shape))):
                return None
            order = [order[k] for k in turn]
        elif name == "bytes" and endian is None:
            endian = {"little": "<", "big": ">"}.get(options.get("endian", "little"))
            if endian is None:
                return None
        elif name in _UNDO and endian is not None:
            names.append(name)
        else:
            return None
    if endian is None:
        return None
    stored = dtype.newbyteorder("<" if endian == "<" else ">").str
    return ChunkCodec(stored, shape, tuple(order), tuple(reversed(names)))


def codec_text(codecs: Sequence[Mapping[str, Any]]) -> str:
    """Name codecs for people, for example ``transpose(0,2,1) + blosc(lz4)``."""
    return " + ".join(_one_text(codec) for codec in codecs) or "none"


def _one_text(codec: Mapping[str, Any]) -> str:
    name = str(codec.get("name", "?"))
    options = codec.get("configuration") or {}
    if name == "transpose":
        return f"transpose({','.join(map(str, options.get('order', [])))})"
    if name == "blosc":
        return f"blosc({options.get('cname')}, {options.get('shuffle')})"
    if name == "zstd":
        return f"zstd({options.get('level', 0)})"
    if name == "sharding_indexed":
        inner = codec_text(options.get("codecs", []))
        return f"sharding({inner})"
    return name
