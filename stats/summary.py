"""The one abstraction: a mergeable summary, its errors, canonical bytes and digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Incompatible",
    "InvalidInput",
    "NotEnoughData",
    "StatsError",
    "Summary",
    "TooManyFaults",
    "digest",
    "merge_all",
    "pack",
    "unpack",
]

_MAGIC = b"CSUM1\n"


class StatsError(Exception):
    """Base of every error raised by `stats`; `kind` is stable and never renamed."""

    kind: ClassVar[str] = "stats"


class InvalidInput(StatsError, ValueError):
    """An argument cannot be used; nothing was applied."""

    kind: ClassVar[str] = "invalid_input"


class Incompatible(InvalidInput):
    """Two summaries, or a summary and a question, do not fit together."""

    kind: ClassVar[str] = "incompatible"


class NotEnoughData(StatsError):
    """Too few observations for a scalar answer (arrays hold NaN instead)."""

    kind: ClassVar[str] = "not_enough_data"


class TooManyFaults(StatsError):
    """More sources or replicas are faulty than an answer can stand."""

    kind: ClassVar[str] = "quorum_lost"


@runtime_checkable
class Summary(Protocol):
    """State that is reduced over a tree: it merges, and nothing else is needed.

    A class also has a constructor from data, usually ``from_block``, and functions
    that read results off the state.  ``exact`` says that equal data give equal bytes
    for any blocks, order and merge tree; tests/laws.py holds every class to its laws.

    Examples
    --------
    >>> isinstance(3, Summary)
    False
    """

    exact: ClassVar[bool]
    state_version: ClassVar[int]

    def empty(self) -> Self:
        """Return the same shape and parameters with nothing seen."""
        ...

    def merge(self, other: Self) -> Self:
        """Return both together; neither input changes."""
        ...

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the canonical state as named arrays."""
        ...

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        ...


S = TypeVar("S", bound=Summary)


def merge_all(summaries: Iterable[S]) -> S:
    """Merge many summaries, with the class's own n-ary merge where it has one.

    Parameters
    ----------
    summaries : iterable of Summary
        At least one, all of one class.

    Returns
    -------
    Summary
        Equal to folding `merge` from the left.

    Raises
    ------
    InvalidInput
        When there is nothing to merge.
    """
    items = list(summaries)
    if not items:
        raise InvalidInput("merge_all: nothing to merge. Give at least one summary.")
    if len(items) == 1:
        return items[0]
    many = getattr(type(items[0]), "_merge_many", None)
    if many is not None:
        merged: S = many(items)
        return merged
    result = items[0]
    for item in items[1:]:
        result = result.merge(item)
    return result


def pack(arrays: Mapping[str, NDArray[Any]], *, kind: str, version: int) -> bytes:
    """Turn a state into canonical bytes: equal arrays give equal bytes.

    Parameters
    ----------
    arrays : mapping of str to array
        Numeric or boolean dtypes.
    kind : str
        Name of the class.
    version : int
        Its state version.

    Returns
    -------
    bytes
        A magic line, one line of JSON with sorted keys, then every array in the order
        of its name: little-endian, C order, every NaN as the one quiet NaN.

    Raises
    ------
    InvalidInput
        For a dtype that has no canonical bytes (object, text).
    """
    entries: list[list[Any]] = []
    body: list[bytes] = []
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.kind not in "biuf":
            raise InvalidInput(
                f"pack: {kind}.{name} has dtype {array.dtype}. Give numbers or flags."
            )
        little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
        if little.dtype.kind == "f":
            little = np.where(np.isnan(little), np.nan, little).astype(little.dtype)
        entries.append([name, little.dtype.str, list(array.shape)])
        body.append(little.tobytes())
    header = json.dumps(
        {"arrays": entries, "kind": kind, "version": version},
        sort_keys=True,
        separators=(",", ":"),
    )
    return b"".join([_MAGIC, header.encode(), b"\n", *body])


def unpack(data: bytes) -> tuple[str, int, dict[str, NDArray[Any]]]:
    """Restore what `pack` gave.

    Returns
    -------
    kind : str
    version : int
    arrays : dict of str to array
        Read-only views in native byte order.

    Raises
    ------
    InvalidInput
        When the bytes are not a packed state, or are cut short.
    """
    try:
        return _unpack(data)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise InvalidInput(
            f"unpack: {len(data)} bytes are not a packed summary ({error}). "
            "Compute the summary again."
        ) from error


def _unpack(data: bytes) -> tuple[str, int, dict[str, NDArray[Any]]]:
    if not data.startswith(_MAGIC):
        raise ValueError("no magic line")
    end = data.index(b"\n", len(_MAGIC))
    header = json.loads(data[len(_MAGIC) : end])
    arrays: dict[str, NDArray[Any]] = {}
    at = end + 1
    for name, dtype, shape in header["arrays"]:
        if any(size < 0 for size in shape):
            raise ValueError(f"{name} has shape {shape}")
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(data, dtype=dtype, count=count, offset=at)
        at += array.nbytes
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        arrays[name] = native.reshape(shape)
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes are left over")
    return str(header["kind"]), int(header["version"]), arrays


def digest(summary: Summary) -> str:
    """SHA-256 over class, state version and canonical state, hexadecimal."""
    state = pack(
        summary.to_arrays(),
        kind=type(summary).__name__,
        version=summary.state_version,
    )
    return hashlib.sha256(state).hexdigest()
