"""Tables of answers: names become numbers, and what is no name is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from storage.answers import MAX_CLASSES, AnswerColumns, read_answers
from storage.errors import Rejected

ROWS = {
    "item": ["b", "a", "b", "10", "9"],
    "annotator": ["y", "x", "x", "y", "x"],
    "label": ["10", "9", "9", "no", "10"],
}


def wrote(path: Path, columns: dict[str, object]) -> Path:
    table = pa.table(columns)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0, 3, 1]])
def test_names_are_numbered_whatever_the_order(
    tmp_path: Path, ending: str, order: list[int]
) -> None:
    rows = {name: [values[k] for k in order] for name, values in ROWS.items()}
    found = read_answers(wrote(tmp_path / f"a.{ending}", rows), classes=["-1"])
    assert found.items.to_pylist() == ["10", "9", "a", "b"]
    assert found.annotators == ("x", "y")
    assert found.classes == ("-1", "9", "10", "no")
    named = [
        (found.items[int(i)].as_py(), found.annotators[j], found.classes[k])
        for i, j, k in zip(found.item, found.annotator, found.label, strict=True)
    ]
    assert named == list(zip(*rows.values(), strict=True))
    assert (found.audit, found.unanswered) == ({}, 0)


def test_whole_numbers_dictionaries_and_booleans_are_names(tmp_path: Path) -> None:
    columns = {
        "id": pa.array([10, 9, 10], pa.int32()),
        "who": pa.array(["q", "p", "p"]).dictionary_encode(),
        "said": pa.array([True, False, True]),
    }
    audit = wrote(tmp_path / "k.csv", {"id": ["9", "7"], "said": ["false", "true"]})
    found = read_answers(
        wrote(tmp_path / "a.parquet", columns),
        columns=AnswerColumns("id", "who", "said"), audit=audit,
    )  # fmt: skip
    assert found.items.equals(pa.array([9, 10], pa.int32()))
    assert (found.annotators, found.classes) == (("p", "q"), ("false", "true"))
    assert found.item.tolist() == [1, 0, 1]
    assert found.annotator.tolist() == [1, 0, 0]
    assert found.label.tolist() == [1, 0, 1]
    assert (found.audit, found.unanswered) == ({0: 0}, 1)


def test_an_audit_may_name_a_class_and_repeat_itself(tmp_path: Path) -> None:
    known = {"item": ["b", "b", "a"], "label": ["maybe", "maybe", "9"]}
    found = read_answers(
        wrote(tmp_path / "a.csv", ROWS), audit=wrote(tmp_path / "k.csv", known)
    )
    assert found.classes == ("9", "10", "maybe", "no")
    assert found.audit == {2: 0, 3: 2}


def refusal(tmp_path: Path, columns: dict[str, object], audit=None) -> Rejected:
    known = None if audit is None else wrote(tmp_path / "known.parquet", audit)
    with pytest.raises(Rejected) as caught:
        read_answers(wrote(tmp_path / "a.parquet", columns), audit=known)
    return caught.value


def test_what_is_no_name_is_refused_with_its_rows(tmp_path: Path) -> None:
    found = refusal(tmp_path, ROWS | {"label": ["x", None, "y", None, "x"]})
    assert (found.reason, found.column, found.rows) == ("dtype", "label", (2, 4))
    found = refusal(tmp_path, ROWS | {"item": ["", "a", "b", "c", "d"]})
    assert (found.reason, found.column, found.rows) == ("dtype", "item", (1,))
    found = refusal(tmp_path, ROWS | {"annotator": [1.0, 2.0, 1.0, 2.0, 1.0]})
    assert (found.reason, found.column, found.value) == (
        "dtype", "annotator", "type double",
    )  # fmt: skip
    rows = {name: values for name, values in ROWS.items() if name != "item"}
    found = refusal(tmp_path, rows)
    assert (found.reason, found.column) == ("missing-column", "item")
    assert "annotator, label" in found.value
    found = refusal(tmp_path, {name: values[:0] for name, values in ROWS.items()})
    assert found.reason == "empty"
    n = MAX_CLASSES + 1
    many = {"item": ["a"] * n, "annotator": ["b"] * n, "label": np.arange(n)}
    found = refusal(tmp_path, many)
    assert (found.reason, found.value) == ("range", "1001 distinct labels")


def test_audits_that_contradict_or_are_of_other_items_are_refused(
    tmp_path: Path,
) -> None:
    found = refusal(
        tmp_path, ROWS, {"item": ["a", "b", "b"], "label": ["9", "9", "no"]}
    )
    assert (found.reason, found.column, found.value) == (
        "range", "label", "item b is 9 and no",
    )  # fmt: skip
    found = refusal(tmp_path, ROWS, {"item": ["i-7"], "label": ["9"]})
    assert found.reason == "range"
    assert "i-7" in found.value
    assert "like 10" in found.expected
