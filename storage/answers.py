"""Answers of annotators from a file: names become numbers, nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from storage.columns import row_numbers
from storage.errors import Rejected
from storage.sources import read_table

__all__ = ["MAX_CLASSES", "AnswerColumns", "AnswerTable", "read_answers"]

Ints = NDArray[np.int64]

MAX_CLASSES = 1_000
"""More distinct labels than these are no classes."""


@dataclass(frozen=True, slots=True)
class AnswerColumns:
    """Names of the columns that hold items, annotators and labels."""

    item: str = "item"
    annotator: str = "annotator"
    label: str = "label"


@dataclass(frozen=True, slots=True, eq=False)
class AnswerTable:
    """Answers by number, and the names behind the numbers.

    Attributes
    ----------
    items : pyarrow.Array, length t
        Distinct items, ascending, of the type they have in the file.
    annotators : tuple of str
        Ascending.
    classes : tuple of str
        Labels that were given, that audits name, or that were declared; whole numbers
        by size before text.
    item, annotator, label : int64 array, shape (n,)
        Positions in the three, a row of the file each.
    audit : mapping of int to int
        Known class of some items, by position.
    unanswered : int
        Audited items about which there is no answer; not in `audit`.
    """

    items: pa.Array
    annotators: tuple[str, ...]
    classes: tuple[str, ...]
    item: Ints
    annotator: Ints
    label: Ints
    audit: Mapping[int, int]
    unanswered: int


def read_answers(
    path: Path,
    *,
    columns: AnswerColumns | None = None,
    audit: Path | None = None,
    classes: Sequence[str] = (),
) -> AnswerTable:
    """Read a table of answers, one row each, and what is known of some items.

    Parameters
    ----------
    path : Path
        Parquet, CSV, Feather or Arrow; columns of text or whole numbers, labels also
        booleans.  Numbers are compared as their decimal digits.
    columns : AnswerColumns, optional
        Names of the columns.
    audit : Path, optional
        Such a file with the columns of items and labels.
    classes : sequence of str
        Classes there are, although nobody may have given them.

    Returns
    -------
    AnswerTable
        The same numbers for any order of rows.

    Raises
    ------
    Rejected
        Reason ``unreadable``, ``empty``, ``missing-column``; ``dtype`` for a type that
        is no name, and for a name that is missing; ``range`` for too many classes, an
        item audited with two labels, or audits of which no item has an answer.
    """
    names, source = columns or AnswerColumns(), str(path)
    table = read_table(path)
    _check_columns(table, (names.item, names.annotator, names.label), source)
    items, item = _numbered(table, names.item, source)
    annotators, annotator = _numbered(table, names.annotator, source)
    labels, label = _numbered(table, names.label, source)
    given = _texts(labels)
    known_item, known_label = _audited(audit, names)
    every = _classes({*given, *known_label, *classes}, source, names.label)
    place = {name: k for k, name in enumerate(every)}
    number = np.array([place[name] for name in given], np.int64)
    known = {
        name: place[said] for name, said in zip(known_item, known_label, strict=True)
    }
    at = pc.index_in(
        pa.array(known, pa.large_string()), value_set=items.cast(pa.large_string())
    ).to_pylist()
    audits = {
        k: said
        for k, said in zip(at, known.values(), strict=True)
        if k is not None
    }  # fmt: skip
    if known and not audits:
        _refuse_strangers(audit, names.item, known_item[0], str(items[0]), source)
    return AnswerTable(
        items=items,
        annotators=tuple(_texts(annotators)),
        classes=every,
        item=item,
        annotator=annotator,
        label=number[label],
        audit=audits,
        unanswered=len(known) - len(audits),
    )


def _check_columns(table: pa.Table, wanted: Sequence[str], source: str) -> None:
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise Rejected(
            "missing-column",
            source=source,
            column=missing[0],
            value=f"columns {', '.join(table.column_names)}",
            expected=f"also {', '.join(missing)}",
            remedy="Say which columns hold items, annotators and labels.",
        )


def _numbered(table: pa.Table, name: str, source: str) -> tuple[pa.Array, Ints]:
    """Distinct values of a column, ascending, and which one each row has."""
    column = table[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (text or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise Rejected(
            "dtype",
            source=source,
            column=name,
            value=f"type {kind}",
            expected="text or whole numbers",
            remedy="Write the column with that type; an answer nobody gave is no row.",
        )
    values = column.combine_chunks()
    void = values.is_null()
    if text:
        void = pc.fill_null(pc.equal(values, ""), True)
    bad = np.asarray(void.to_numpy(zero_copy_only=False), np.bool_)
    if bad.any():
        raise Rejected(
            "dtype",
            source=source,
            column=name,
            rows=row_numbers(bad),
            value=f"nothing in {int(bad.sum())} rows",
            expected="a name in every row",
            remedy="Leave such rows out: an answer nobody gave is no row.",
        )
    coded = values.dictionary_encode()
    order = pc.array_sort_indices(coded.dictionary)
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    return coded.dictionary.take(order), rank[coded.indices.to_numpy()]


def _texts(values: pa.Array) -> list[str]:
    found: list[str] = values.cast(pa.large_string()).to_pylist()
    return found


def _audited(
    path: Path | None, names: AnswerColumns
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Items and labels of an audit, each item once."""
    if path is None:
        return [], []
    source = str(path)
    table = read_table(path)
    _check_columns(table, (names.item, names.label), source)
    items, item = _numbered(table, names.item, source)
    labels, label = _numbered(table, names.label, source)
    pairs = np.unique(np.stack([item, label]), axis=1)
    twice = np.flatnonzero(pairs[0, 1:] == pairs[0, :-1])
    item_name, label_name = _texts(items), _texts(labels)
    if twice.size:
        at = pairs[:, twice[0] : twice[0] + 2]
        said = " and ".join(label_name[k] for k in at[1])
        raise Rejected(
            "range",
            source=source,
            column=names.label,
            value=f"item {item_name[at[0, 0]]} is {said}",
            expected="one label per audited item",
            remedy="Correct the audit, or leave the item out.",
        )
    return (
        [item_name[k] for k in pairs[0]], [label_name[k] for k in pairs[1]]
    )  # fmt: skip


def _classes(found: set[str], source: str, column: str) -> tuple[str, ...]:
    if len(found) > MAX_CLASSES:
        raise Rejected(
            "range",
            source=source,
            column=column,
            value=f"{len(found)} distinct labels",
            expected=f"at most {MAX_CLASSES} classes",
            remedy="Take the column of classes, not a measurement or free text.",
        )
    return tuple(sorted(found, key=_order))


def _order(name: str) -> tuple[int, int, str]:
    digits = name.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 19:
        return 0, int(name), name
    return 1, 0, name


def _refuse_strangers(
    audit: Path | None, column: str, audited: str, answered: str, source: str
) -> None:
    raise Rejected(
        "range",
        source=str(audit),
        column=column,
        value=f"items like {audited}, none of which has an answer",
        expected=f"some of the items of {source}, like {answered}",
        remedy="Name items in both files alike.",
    )
