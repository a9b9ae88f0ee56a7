"""Turn columns of a landing file into arrays, refusing what would lose anything."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from storage.errors import Rejected
from storage.schema import Feature

__all__ = ["feature_column", "row_numbers", "text_column", "time_column"]

_MISSING_TEXT = ("", "NA", "NaN", "nan", "null")
_WHOLE_NUMBER = r"^\s*[+-]?[0-9]+\s*$"


def row_numbers(bad: NDArray[np.bool_]) -> tuple[int, ...]:
    """First five places of `bad`, counted from 1."""
    return tuple(int(i) + 1 for i in np.flatnonzero(bad)[:5])


def _show(column: pa.ChunkedArray, bad: NDArray[np.bool_]) -> str:
    return ", ".join(repr(column[int(i)].as_py()) for i in np.flatnonzero(bad)[:5])


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Undo dictionary encoding."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _wrong_type(source: str, name: str, kind: object, expected: str) -> Rejected:
    return Rejected(
        "dtype",
        source=source,
        column=name,
        value=f"type {kind}",
        expected=expected,
        remedy="Write the column with that type.",
    )


def text_column(table: pa.Table, name: str, source: str) -> NDArray[np.str_]:
    """Ids as text; whole numbers become their decimal digits.

    Raises
    ------
    Rejected
        Reason ``dtype`` for another type, and for an empty or missing id.
    """
    column = _plain(table[name])
    if not _is_text(column.type) and not pa.types.is_integer(column.type):
        raise _wrong_type(source, name, column.type, "text or whole numbers")
    values = column.cast(pa.large_string())
    void = pc.or_(pc.equal(values, ""), pc.match_substring(values, "\0"))
    bad = pc.fill_null(void, True).to_numpy()
    if bad.any():
        raise Rejected(
            "dtype",
            source=source,
            column=name,
            rows=row_numbers(bad),
            value=_show(values, bad),
            expected="an id without NUL characters in every row",
            remedy="Give each row its id.",
        )
    return np.asarray(values.to_pylist(), dtype=np.str_)


def time_column(
    table: pa.Table, name: str, times: tuple[int, ...], source: str
) -> NDArray[np.int64]:
    """Places on the time axis, matched by label.

    Raises
    ------
    Rejected
        Reason ``time-axis`` for a label that the schema does not have, ``dtype`` for
        another type.
    """
    column = _plain(table[name])
    axis = np.asarray(times, dtype=np.int64)
    if _is_text(column.type):
        whole = pc.fill_null(pc.match_substring_regex(column, _WHOLE_NUMBER), False)
        short = pc.less(pc.fill_null(pc.utf8_length(column), 0), 18)
        column = pc.if_else(pc.and_(whole, short), column, None)
        column = pc.utf8_trim_whitespace(column).cast(pa.int64())
    elif not pa.types.is_integer(column.type):
        raise _wrong_type(source, name, column.type, "whole numbers")
    known = pc.is_in(column, value_set=pa.array(axis).cast(column.type, safe=False))
    bad = ~pc.fill_null(known, False).to_numpy()
    if bad.any():
        raise Rejected(
            "time-axis",
            source=source,
            column=name,
            rows=row_numbers(bad),
            value=_show(_plain(table[name]), bad),
            expected=f"one of the schema's times {axis[:5].tolist()} … {axis[-1]}",
            remedy="Use the labels of the schema's time axis.",
        )
    places = np.searchsorted(axis, column.to_numpy().astype(np.int64))
    return np.asarray(places, dtype=np.int64)


def feature_column(
    table: pa.Table, feature: Feature, dtype: str, source: str
) -> NDArray[np.floating]:
    """Return values of a feature; missing is NaN, and no bit is lost.

    Parameters
    ----------
    table : pyarrow.Table
    feature : Feature
    dtype : {"float64", "float32"}
        Type to return.
    source : str
        For errors.

    Raises
    ------
    Rejected
        Reason ``dtype``, ``non-finite`` or ``range``.
    """
    column = _plain(table[feature.name])
    if _is_text(column.type):
        values = _numbers_from_text(column, feature, dtype, source)
    elif pa.types.is_integer(column.type):
        _refuse_large(column, feature.name, dtype, source)
        values = pc.cast(column, pa.float64()).to_numpy().astype(dtype)
    elif pa.types.is_floating(column.type):
        values = _numbers_from_floats(column, feature.name, dtype, source)
    elif pa.types.is_null(column.type):
        values = np.full(len(column), np.nan, dtype=dtype)
    else:
        raise _wrong_type(source, feature.name, column.type, f"numbers of type {dtype}")
    _check_range(values, feature, source)
    return values


def _refuse_large(column: pa.ChunkedArray, name: str, dtype: str, source: str) -> None:
    limit = 2**53 if dtype == "float64" else 2**24
    if pa.types.is_uint64(column.type):
        bad = pc.greater(column, pa.scalar(limit, pa.uint64()))
    else:
        wide = column.cast(pa.int64())
        bad = pc.or_(pc.greater(wide, limit), pc.less(wide, -limit))
    _refuse(column, pc.fill_null(bad, False).to_numpy(), name, dtype, source)


def _refuse(
    column: pa.ChunkedArray,
    bad: NDArray[np.bool_],
    name: str,
    dtype: str,
    source: str,
) -> None:
    if bad.any():
        raise Rejected(
            "dtype",
            source=source,
            column=name,
            rows=row_numbers(bad),
            value=_show(column, bad),
            expected=f"values that {dtype} holds without losing bits",
            remedy="Declare float64 in the schema, or round the values at the source.",
        )


def _numbers_from_floats(
    column: pa.ChunkedArray, name: str, dtype: str, source: str
) -> NDArray[np.floating]:
    wide = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
    with np.errstate(over="ignore"):
        values = wide.astype(dtype)
    lost = (values.astype(np.float64) != wide) & ~np.isnan(wide)
    _refuse(column, lost, name, dtype, source)
    return np.asarray(values)


def _numbers_from_text(
    column: pa.ChunkedArray, feature: Feature, dtype: str, source: str
) -> NDArray[np.floating]:
    absent = pc.is_in(column, value_set=pa.array(_MISSING_TEXT, type=column.type))
    text = pc.utf8_trim_whitespace(pc.if_else(absent, None, column))
    try:
        numbers = text.cast(pa.float64() if dtype == "float64" else pa.float32())
    except pa.ArrowInvalid:
        bad = np.array([_no_number(value) for value in text.to_pylist()])
        raise Rejected(
            "dtype",
            source=source,
            column=feature.name,
            rows=row_numbers(bad),
            value=_show(column, bad),
            expected="a number with a decimal point, or nothing",
            remedy="Correct the rows, or leave the field empty where nothing is known.",
        ) from None
    whole = pc.fill_null(pc.match_substring_regex(text, _WHOLE_NUMBER), False)
    limit = 2**53 if dtype == "float64" else 2**24
    large = pc.greater_equal(pc.abs(numbers), float(limit))
    suspects = pc.fill_null(pc.and_(whole, large), False).to_numpy()
    lost = suspects.copy()
    for i in np.flatnonzero(suspects):
        lost[i] = abs(int(text[int(i)].as_py())) > limit
    _refuse(column, lost, feature.name, dtype, source)
    return np.asarray(pc.fill_null(numbers, float("nan")).to_numpy())


def _no_number(value: str | None) -> bool:
    if value is None:
        return False
    try:
        pa.scalar(value).cast(pa.float64())
    except pa.ArrowInvalid:
        return True
    return False


def _check_range(values: NDArray[np.floating], feature: Feature, source: str) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise Rejected(
            "non-finite",
            source=source,
            column=feature.name,
            rows=row_numbers(infinite),
            value=", ".join(str(v) for v in values[infinite][:5]),
            expected="finite numbers, or nothing where a value is missing",
            remedy="Leave the field empty where the value is not known.",
        )
    low = -np.inf if feature.minimum is None else feature.minimum
    high = np.inf if feature.maximum is None else feature.maximum
    outside = (values < low) | (values > high)
    if outside.any():
        raise Rejected(
            "range",
            source=source,
            column=feature.name,
            rows=row_numbers(outside),
            value=", ".join(str(v) for v in values[outside][:5]),
            expected=f"{low} to {high} {feature.unit}".rstrip(),
            remedy="Correct the values, or widen the declared range in the schema.",
        )
