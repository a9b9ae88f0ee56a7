"""Every reason to refuse a file of evidence, with its column and rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from storage import evidence_files
from storage.errors import Rejected
from storage.evidence_records import EVIDENCE_TYPES
from storage.evidence_staging import stage_evidence
from tests.storage.evidence_rows import GOOD, START, bad, land
from tests.storage.landing import DAY, NOW

# reason, column, row at fault (0: the whole file), the rows, and the header
CASES: list[tuple[str, str, int, pd.DataFrame, dict[str, Any]]] = [
    ("empty", "", 0, GOOD[:0], {}),
    ("missing-column", "log_ratio", 0, GOOD.drop(columns="log_ratio"), {}),
    ("missing-column", "night", 0, GOOD, {"night": None}),
    ("unknown-feature", "speed", 0, GOOD.assign(speed=1.0), {}),
    ("unknown-type", "type", 4, bad("type", "gossip"), {}),
    ("non-finite", "log_ratio", 4, bad("log_ratio", np.inf), {}),
    ("non-finite", "log_ratio", 4, bad("log_ratio", np.float64("nan")), {}),
    ("non-finite", "confidence", 4, bad("confidence", np.float64("nan")), {}),
    ("range", "confidence", 4, bad("confidence", 1.5), {}),
    ("range", "confidence", 4, bad("confidence", -0.1), {}),
    ("range", "seq", 4, bad("seq", -1), {}),
    ("range", "seq", 4, bad("seq", 2**53), {}),
    ("range", "epoch", 0, GOOD.assign(epoch=2**31), {}),
    ("duplicate-row", "seq", 4, bad("seq", 1), {}),
    ("dtype", "agent", 4, bad("agent", ""), {}),
    ("dtype", "agent", 4, bad("agent", None), {}),
    ("dtype", "seq", 4, bad("seq", "x"), {}),
    ("dtype", "log_ratio", 4, bad("log_ratio", "much"), {}),
    ("dtype", "time", 4, bad("time", "noon"), {}),
    ("dtype", "confidence", 0, GOOD.assign(confidence=True), {}),
    ("dtype", "log_ratio", 4, GOOD.assign(log_ratio=np.where(
        np.arange(50) == 3, 2**53 + 1, 1)), {}),
    ("night-mismatch", "source", 0, bad("source", "other"), {}),
    ("night-mismatch", "epoch", 0, bad("epoch", 4), {}),
    ("night-mismatch", "source", 0, GOOD, {"site": "other"}),
    ("night-mismatch", "time", 4, bad("time", START - 2 * DAY), {}),
    ("night-mismatch", "time", 4, bad("time", START + 3 * DAY), {}),
    ("clock-skew", "night", 0, GOOD.assign(time=START - 500 * DAY),
     {"night": "2024-10-24"}),
    ("unsafe-name", "source", 0, GOOD.assign(source="a/b"), {}),
    ("range", "hypothesis", 1, GOOD, {"hypotheses": ["other"]}),
    ("wrong-dataset", "dataset", 0, GOOD, {"dataset": "demo"}),
    ("hash-mismatch", "sha256", 0, GOOD, {"sha256": "0" * 64}),
    ("hash-mismatch", "n", 0, GOOD, {"n": 49}),
    ("signature", "signer", 0, GOOD, {"signature": "ab", "signer": "key"}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "column", "row", "rows", "header"), CASES)
def test_what_is_wrong_is_refused_with_its_place(
    tmp_path: Path,
    reason: str,
    column: str,
    row: int,
    rows: pd.DataFrame,
    header: dict[str, Any],
) -> None:
    columns = [rows[name] for name in ("seq", "log_ratio", "time") if name in rows]
    mixed = any(column.dtype.kind == "O" for column in columns)
    ending = "csv" if mixed else "parquet"
    path = land(tmp_path / f"a.{ending}", rows, **header)
    with pytest.raises(Rejected) as caught:
        stage_evidence(path, now=NOW)
    error = caught.value
    assert (error.reason, error.column, error.rows[:1]) == (
        reason,
        column,
        (row,) if row else (),
    )
    assert error.source == str(path)
    assert error.remedy.endswith(".")


@pytest.mark.parametrize("column", ["agent", "type", "seq", "log_ratio", "time"])
def test_rows_at_fault_are_counted_over_batches(
    tmp_path: Path, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_files, "BATCH_ROWS", 8)
    value = "" if column in ("agent", "type") else "x"
    path = land(tmp_path / "a.csv", bad(column, value, row=30))
    with pytest.raises(Rejected) as caught:
        stage_evidence(path, now=NOW)
    assert (caught.value.column, caught.value.rows) == (column, (30,))


def test_too_many_rows_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_files, "MAX_ROWS", 49)
    for ending in ("parquet", "csv"):
        with pytest.raises(Rejected, match="at most 49 rows") as caught:
            stage_evidence(land(tmp_path / f"a.{ending}", GOOD), now=NOW)
        assert caught.value.reason == "range"


def test_hundreds_of_types_are_all_unknown(tmp_path: Path) -> None:
    many = [f"type {k}" for k in range(300)]
    rows = pd.concat([GOOD] * 6, ignore_index=True).assign(
        type=many, seq=np.arange(300)
    )
    with pytest.raises(Rejected) as caught:
        stage_evidence(land(tmp_path / "a.parquet", rows), now=NOW)
    assert caught.value.reason == "unknown-type"
    assert EVIDENCE_TYPES[0] not in many
