"""Named values as bytes that mean one thing only: what a signature covers."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["FieldValue", "field_bytes"]

FieldValue: TypeAlias = str | int | tuple[str, ...]
"""What a field may hold."""


def field_bytes(form: str, fields: Mapping[str, FieldValue]) -> bytes:
    """Encode named values so that no other names and values give these bytes.

    Parameters
    ----------
    form : str
        Name and version of what is encoded; bytes of one form never equal another's.
    fields : mapping of str to str, int or tuple of str
        In the order in which they are written.

    Returns
    -------
    bytes
        Form and number of fields; then of each field its name, a letter for its type,
        the length of its value and the value.  Lengths are big-endian (32 bits for
        names and items of a tuple, 64 for values), an integer has 64 bits big-endian
        in two's complement, text is UTF-8.

    Raises
    ------
    TypeError
        For a value of another type; a bool is none of these.
    OverflowError
        For an integer outside 64 bits.
    ValueError
        For text that UTF-8 cannot write.

    Notes
    -----
    Every length stands before what it measures, so no byte can move from a field into
    its neighbour, and every name before its value, so no value can move either.

    Examples
    --------
    >>> field_bytes("f", {"n": 1}).hex(" ", -4)
    '00000001 66000000 00000000 01000000 016e6900 00000000 00000800 00000000 000001'
    """
    out = [_text(form), struct.pack(">Q", len(fields))]
    for name, value in fields.items():
        tag, data = _tagged(value)
        out += [_text(name), tag, struct.pack(">Q", len(data)), data]
    return b"".join(out)


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">I", len(data)) + data


def _tagged(value: FieldValue) -> tuple[bytes, bytes]:
    if isinstance(value, str):
        return b"t", value.encode()
    if isinstance(value, int) and not isinstance(value, bool):
        return b"i", value.to_bytes(8, "big", signed=True)
    if isinstance(value, tuple):
        head = struct.pack(">Q", len(value))
        return b"l", head + b"".join(_text(item) for item in value)
    raise TypeError(
        f"field_bytes: found {type(value).__name__}. Give text, a whole number or a "
        "tuple of texts."
    )
