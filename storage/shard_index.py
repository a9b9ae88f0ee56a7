"""Look into the index of a zarr shard: which of its inner chunks are not stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import google_crc32c
import numpy as np

from storage.errors import StoreFormat

__all__ = ["inner_chunks_missing"]

_ABSENT = np.iinfo(np.uint64).max


def inner_chunks_missing(
    raw: memoryview | None,
    codecs: Sequence[Mapping[str, Any]],
    shard_shape: tuple[int, ...],
    inside: tuple[int, ...],
    where: str,
) -> int:
    """Count the inner chunks that a shard lacks; all of them when there is no shard.

    Parameters
    ----------
    raw : memoryview or None
        The shard as stored.
    codecs : sequence of mapping
        Of the array: one ``sharding_indexed``.
    shard_shape : tuple of int
    inside : tuple of int
        The part of it that lies in the array: chunks beyond are not missed.
    where : str
        Names the array in errors.

    Raises
    ------
    StoreFormat
        When the index is coded in a way that is not read here.

    Notes
    -----
    The index holds offset and length, uint64, of each inner chunk in C order; both are
    2^64 - 1 for one that is not stored.  Source: zarr v3 core codecs, sharding.  A
    damaged index counts as damaged chunks, that is, as missing.
    """
    options = codecs[0]["configuration"]
    inner = options["chunk_shape"]
    grid = [-(-a // b) for a, b in zip(shard_shape, inner, strict=True)]
    used = [-(-a // b) for a, b in zip(inside, inner, strict=True)]
    n: int = math.prod(grid)
    wanted: int = math.prod(used)
    names = [codec["name"] for codec in options["index_codecs"]]
    if len(codecs) != 1 or names not in (["bytes"], ["bytes", "crc32c"]):
        raise StoreFormat(
            f"{where}: the index of a shard is coded as {names}, expected bytes and "
            'crc32c. Write it again, or say what missing chunks mean: "fill".'
        )
    if raw is None:
        return wanted
    size = 16 * n + (4 if "crc32c" in names else 0)
    at_end = str(options.get("index_location", "end")).endswith("end")
    index = raw[-size:] if at_end else raw[:size]
    if len(index) < size:
        return wanted
    body, stated = index[: 16 * n], int.from_bytes(index[16 * n :], "little")
    if (
        "crc32c" in names
        and google_crc32c.value(np.frombuffer(body, np.uint8)) != stated
    ):
        return wanted
    pairs = np.frombuffer(body, dtype="<u8").reshape(*grid, 2)
    absent = (pairs == _ABSENT).all(axis=-1)[tuple(map(slice, used))]
    return int(absent.sum())
