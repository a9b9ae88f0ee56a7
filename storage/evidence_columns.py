"""Turn columns of evidence into arrays, refusing what would lose anything."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from storage.columns import row_numbers
from storage.errors import Rejected

__all__ = ["moments", "numbers", "text_values", "whole_numbers"]

_EXACT = 2**53


def _refuse(
    bad: pa.Array, column: pa.Array, name: str, at: int, source: str, expected: str
) -> None:
    """Refuse the rows at which `bad` is true or null; `at` rows came before."""
    wrong = np.asarray(pc.fill_null(bad, True).to_numpy(zero_copy_only=False))
    if wrong.any():
        shown = [repr(column[int(i)].as_py()) for i in np.flatnonzero(wrong)[:5]]
        raise Rejected(
            "dtype",
            source=source,
            column=name,
            rows=tuple(at + row for row in row_numbers(wrong)),
            value=", ".join(shown),
            expected=expected,
            remedy="Correct the rows at the source.",
        )


def _wrong_type(kind: pa.DataType, name: str, source: str, expected: str) -> Rejected:
    return Rejected(
        "dtype",
        source=source,
        column=name,
        value=f"type {kind}",
        expected=expected,
        remedy="Write the column with that type.",
    )


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if _is_dictionary(column.type) else column


def _is_dictionary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _parsed(
    column: pa.Array, kind: pa.DataType, name: str, at: int, source: str, expected: str
) -> pa.Array:
    """Numbers or times from text; the rows that are none are named."""
    text = pc.utf8_trim_whitespace(column)
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        bad = pa.array([not _parses(value, kind) for value in text])
        _refuse(bad, column, name, at, source, expected)
        raise


def _parses(value: pa.Scalar, kind: pa.DataType) -> bool:
    try:
        value.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def whole_numbers(
    column: pa.Array, name: str, at: int, source: str
) -> NDArray[np.int64]:
    """int64 without loss.

    Raises
    ------
    Rejected
        Reason ``dtype``.
    """
    column, expected = _plain(column), "a whole number in every row"
    given = column
    if _is_text(column.type):
        column = _parsed(column, pa.int64(), name, at, source, expected)
    elif not pa.types.is_integer(column.type):
        raise _wrong_type(column.type, name, source, "whole numbers")
    if pa.types.is_uint64(column.type):
        limit = pa.scalar(2**63 - 1, pa.uint64())
        _refuse(pc.greater(column, limit), given, name, at, source, expected)
    _refuse(pc.is_null(column), given, name, at, source, expected)
    return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False))


def moments(column: pa.Array, name: str, at: int, source: str) -> NDArray[np.int64]:
    """Nanoseconds UTC from whole numbers, timestamps, or ISO-8601 with an offset.

    Timestamps without a zone are UTC.

    Raises
    ------
    Rejected
        Reason ``dtype``.
    """
    column = _plain(column)
    kind = pa.timestamp("ns", tz="UTC")
    expected = "nanoseconds UTC, or a time like 2013-03-09T05:00:00+00:00"
    given = column
    if _is_text(column.type):
        whole = pc.match_substring_regex(column, r"^\s*[+-]?[0-9]+\s*$")
        rest = pc.if_else(whole, None, column)
        times = _parsed(rest, kind, name, at, source, expected).cast(pa.int64())
        column = pc.if_else(whole, column, None)
        whole = _parsed(column, pa.int64(), name, at, source, expected)
        column = pc.coalesce(whole, times)
        _refuse(pc.is_null(column), given, name, at, source, expected)
    if pa.types.is_timestamp(column.type):
        try:
            column = column.cast(pa.timestamp("ns", tz=column.type.tz))
        except pa.ArrowInvalid as error:
            raise _wrong_type(column.type, name, source, expected) from error
        _refuse(pc.is_null(column), given, name, at, source, expected)
        column = column.cast(pa.int64())
    return whole_numbers(column, name, at, source)


def numbers(column: pa.Array, name: str, at: int, source: str) -> NDArray[np.float64]:
    """float64 without loss; missing is NaN.

    Raises
    ------
    Rejected
        Reason ``dtype``.
    """
    column, expected = _plain(column), "a number that float64 holds exactly"
    if _is_text(column.type):
        column = _parsed(column, pa.float64(), name, at, source, expected)
    elif pa.types.is_integer(column.type):
        large = pc.greater(column, pa.scalar(_EXACT).cast(column.type, safe=False))
        if column.type.bit_width == 64:
            if pa.types.is_signed_integer(column.type):
                large = pc.or_(large, pc.less(column, -_EXACT))
            bad = pc.fill_null(large, False)
            _refuse(bad, column, name, at, source, expected)
    elif not pa.types.is_floating(column.type):
        raise _wrong_type(column.type, name, source, "numbers of type float64")
    wide = column.cast(pa.float64(), safe=False)
    return np.asarray(wide.fill_null(float("nan")).to_numpy(zero_copy_only=False))


def text_values(
    column: pa.Array, name: str, at: int, source: str
) -> pa.DictionaryArray:
    """Text in a dictionary; whole numbers become their decimal digits.

    Raises
    ------
    Rejected
        Reason ``dtype`` for another type, and for text that is empty or missing.
    """
    if _is_dictionary(column.type) and not _is_text(column.type.value_type):
        column = _plain(column)
    kind = column.type
    if _is_dictionary(kind):
        if column.dictionary.null_count:
            column = _plain(column).dictionary_encode()
    elif _is_text(kind) or pa.types.is_integer(kind):
        column = column.cast(pa.string()).dictionary_encode()
    else:
        raise _wrong_type(kind, name, source, "text or whole numbers")
    values = column.dictionary.cast(pa.string())
    void = pc.or_(pc.equal(values, ""), pc.match_substring(values, "\0"))
    if column.null_count or pc.any(void, min_count=0).as_py():
        bad = pc.take(void, column.indices)
        expected = "a name without NUL characters in every row"
        _refuse(bad, column, name, at, source, expected)
    return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), values)
