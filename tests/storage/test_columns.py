"""What a column of a landing file may hold, and what it becomes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storage.errors import Rejected
from storage.schema import Feature, Schema
from storage.staging import stage
from tests.storage.landing import NOW, SCHEMA, table, write

GOOD = table(9)
FLOAT32 = Schema("demo", (Feature("x", "u", "X"),), dtype="float32")


@pytest.mark.parametrize(
    ("values", "good"),
    [
        (np.array([2**24], dtype=np.int64), True),
        (np.array([2**24 + 1], dtype=np.int64), False),
        (np.array([2**24 + 1], dtype=np.uint64), False),
        (np.array([0.5], dtype=np.float64), True),
        (np.array([0.1], dtype=np.float64), False),
        (np.array([1e300], dtype=np.float64), False),
        (np.array([0.1], dtype=np.float32), True),
        (np.array([0.1], dtype=np.float16), True),
    ],
)
def test_float32_takes_only_what_it_holds_exactly(
    tmp_path: Path, values: np.ndarray, good: bool
) -> None:
    frame = pd.DataFrame({"agent": "a", "team": "t", "time": 0, "x": values})
    path = write(tmp_path / "a.parquet", frame)
    if good:
        found = stage(path, FLOAT32, now=NOW).shard.data.values
        assert found.dtype == np.float32
        assert found.ravel().tolist() == values.astype(np.float64).tolist()
    else:
        with pytest.raises(Rejected) as caught:
            stage(path, FLOAT32, now=NOW)
        assert caught.value.reason == "dtype"


def test_csv_types_come_from_the_schema_and_are_never_inferred(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write(path, GOOD)
    path.write_bytes(
        b"\xef\xbb\xbfagent,team,time,speed,load\n"
        b"007,NA,0,1,\n"
        b"7,NA,06,2,NA\n"
        b"1e3,null,12,3,1e3\n"
        b'"a,b","x ""y""",0, 4 ,-0.0\n'
    )
    data = stage(path, SCHEMA, now=NOW).shard.data
    assert data.agents.tolist() == ["007", "7", "1e3", "a,b"]
    assert data.entities.tolist() == data.agents.tolist()
    assert data.team_names.tolist() == ["NA", "null", 'x "y"']
    assert data.team.tolist() == [0, 0, 1, 2]
    assert [data.values[i, t, 0] for i, t in enumerate((0, 1, 2, 0))] == [1, 2, 3, 4]
    assert data.values[2, 2, 1] == 1000.0
    assert np.signbit(data.values[3, 0, 1])
    assert np.isnan(data.values[:2, :, 1]).all()
    assert data.count.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_whole_numbers_are_ids_too(tmp_path: Path) -> None:
    frame = GOOD.assign(agent=np.arange(len(GOOD)), entity=GOOD.entity)
    data = stage(write(tmp_path / "a.parquet", frame), SCHEMA, now=NOW).shard.data
    assert sorted(data.agents.tolist(), key=int) == [str(i) for i in range(len(GOOD))]
