"""One hash over named arrays, so that what is read is what was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTENT", "arrays_digest", "bytes_digest"]

CONTENT = "content"
"""Attribute of a group that holds the hash of its arrays."""


def bytes_digest(data: bytes) -> str:
    """SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def arrays_digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over arrays in the order of their names: type, shape and values.

    Parameters
    ----------
    arrays : mapping of str to array
        Numbers, flags or text.  Byte order and memory layout do not matter; the bits
        of a NaN do.

    Examples
    --------
    >>> arrays_digest({"n": np.arange(3)})[:12]
    '43e11f09e692'
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.asarray(arrays[name])
        text = values.dtype.kind in "UT"
        kind = "text" if text else values.dtype.newbyteorder("<").str
        head = json.dumps([name, kind, list(values.shape)], ensure_ascii=False)
        digest.update(head.encode() + b"\n")
        if text:
            body = json.dumps(values.tolist(), ensure_ascii=False).encode()
            digest.update(body + b"\n")
        else:
            little = values.astype(values.dtype.newbyteorder("<"), copy=False)
            digest.update(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
