import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import REASONS
from storage.schema import (
    Feature,
    Rejected,
    Schema,
    ShardData,
    ShardKey,
    ShardRow,
    StoreFormat,
    Version,
    canonical_bytes,
    canonical_order,
    content_hash,
)
from storage.staging import stage
from storage.tables import shard_from_table
from tests.storage.landing import NOW, SCHEMA, table, write


def shard(seed: int = 0, agents: int = 20) -> ShardData:
    import pyarrow as pa

    wide = pa.Table.from_pandas(table(seed, agents), preserve_index=False)
    return shard_from_table(wide, SCHEMA, "test")


def test_canonical_bytes_are_these_bytes_and_stay_so() -> None:
    schema = Schema("d", (Feature("x", "u", "X"),))
    data = ShardData(
        values=np.array([[[1.5]], [[np.nan]]]),
        count=np.array([[1], [1]], dtype=np.uint32),
        agents=np.array(["a", "é"]),
        entities=np.array(["a", "é"]),
        team=np.array([0, 0], dtype=np.int32),
        team_names=np.array(["t"]),
        times=np.array([0]),
    )
    header = (
        b'{"agents": 2, "dtype": "float64", "features": [["x", "u"]], '
        b'"teams": ["t"], "times": [0], "version": 1}\n'
    )
    ids = b"\x01\0\0\0\x02\0\0\0a\xc3\xa9"
    expected = (
        header
        + ids
        + ids
        + b"\0\0\0\0" * 2
        + b"\x01\0\0\0" * 2
        + np.array([1.5, np.nan], dtype="<f8").tobytes()
    )
    assert canonical_bytes(schema, data) == expected


@given(st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_hash_does_not_depend_on_the_order_of_agents_and_teams(
    random: "object", seed: int
) -> None:
    data = shard(seed)
    order = np.array(random.sample(range(len(data.agents)), len(data.agents)))  # type: ignore[attr-defined]
    mixed = data.take(order)
    flipped = dataclasses.replace(
        mixed,
        team=(len(data.team_names) - 1 - mixed.team).astype(np.int32),
        team_names=data.team_names[::-1],
    )
    assert content_hash(SCHEMA, mixed) == content_hash(SCHEMA, data)
    assert content_hash(SCHEMA, flipped) == content_hash(SCHEMA, data)


@pytest.mark.parametrize("ending", ["csv", "feather", "parquet"])
def test_the_hash_does_not_depend_on_the_file_format_or_row_order(
    tmp_path: Path, ending: str
) -> None:
    frame = table(4)
    plain = stage(write(tmp_path / "a.parquet", frame), SCHEMA, now=NOW)
    mixed = frame.sample(frac=1.0, random_state=1)[frame.columns[::-1]]
    other = stage(write(tmp_path / f"b.{ending}", mixed), SCHEMA, now=NOW)
    assert other.shard.row.sha256 == plain.shard.row.sha256
    assert canonical_order(other.shard.data) is None


def test_every_nan_is_the_same_and_minus_zero_is_not_zero() -> None:
    data = shard()
    noisy = data.values.copy()
    noisy[np.isnan(noisy)] = np.frombuffer(b"\x01\0\0\0\0\0\xf8\xff", dtype="<f8")[0]
    same = dataclasses.replace(data, values=noisy)
    assert content_hash(SCHEMA, same) == content_hash(SCHEMA, data)
    zero, minus = data.values.copy(), data.values.copy()
    zero[0, 0, 0], minus[0, 0, 0] = 0.0, -0.0
    hashes = {
        content_hash(SCHEMA, dataclasses.replace(data, values=v)) for v in (zero, minus)
    }
    assert len(hashes) == 2


@pytest.mark.parametrize("field", ["values", "count", "agents", "entities", "team"])
def test_any_change_of_content_changes_the_hash(field: str) -> None:
    data = shard()
    changed = getattr(data, field).copy()
    if changed.dtype.kind == "U":
        changed[3] = "new"
    elif field == "team":
        changed[3] = (data.team[3] + 1) % len(data.team_names)
    else:
        changed[3] = 7
    other = dataclasses.replace(data, **{field: changed})
    assert content_hash(SCHEMA, other) != content_hash(SCHEMA, data)


def test_a_changed_unit_changes_the_hash_and_a_changed_label_does_not() -> None:
    data, first = shard(), SCHEMA.features[0]
    unit = dataclasses.replace(first, unit="km/h")
    label = dataclasses.replace(first, label="Pace")
    others = [
        dataclasses.replace(SCHEMA, features=(f, SCHEMA.features[1]))
        for f in (unit, label)
    ]
    base = content_hash(SCHEMA, data)
    assert [content_hash(s, data) == base for s in others] == [False, True]


def test_a_schema_survives_json() -> None:
    assert Schema.from_json(SCHEMA.to_json()) == SCHEMA
    assert SCHEMA.lead == "speed"
    with pytest.raises(StoreFormat, match="not a schema"):
        Schema.from_json('{"dataset": "d", "novel": 1, "features": [], "times": []}')


@pytest.mark.parametrize(
    "make",
    [
        lambda: Feature("a b", "u", "A"),
        lambda: Feature("a", "u", "A", minimum=1.0, maximum=1.0),
        lambda: Feature("a", "u", "A", scale=0.0),
        lambda: Feature("a", "u", "A", transform="cube"),  # type: ignore[arg-type]
        lambda: Schema("d", ()),
        lambda: Schema("d", SCHEMA.features, times=(1, 1)),
        lambda: Schema("d", SCHEMA.features, dtype="int8"),  # type: ignore[arg-type]
        lambda: Schema("d", SCHEMA.features, lead="absent"),
        lambda: Schema("..", SCHEMA.features),
        lambda: ShardKey("d", "a/b", "2026-03-08"),
        lambda: ShardKey("d", "a", "20260308"),
        lambda: Version(0, 2**53),
        lambda: Version(2**31, 1),
        lambda: Version(-1, 1),
    ],
)
def test_declarations_that_make_no_sense_are_refused(make: "object") -> None:
    with pytest.raises(Rejected):
        make()  # type: ignore[operator]


def test_a_ledger_row_survives_its_attributes_and_pickling() -> None:
    row = ShardRow(
        ShardKey("d", "s", "2026-03-08"), Version(0, 3), "ab" * 32, "data", 5, (5, 4),
        3, 10, 20, "site", 1, 6, "shards/d/s/2026-03-08/0/0-3",
    )  # fmt: skip
    assert ShardRow.from_attributes(row.to_attributes(), row.path) == row
    assert pickle.loads(pickle.dumps(row)) == row
    assert len({row, dataclasses.replace(row)}) == 1


def test_a_refusal_says_all_and_survives_pickling() -> None:
    error = Rejected(
        "range", source="f.csv", column="speed", rows=tuple(range(1, 9)),
        value="9", expected="0 to 1", remedy="Correct it.",
    )  # fmt: skip
    assert str(error) == (
        "f.csv, column 'speed', rows 1, 2, 3, 4, 5: range: found 9, expected 0 to 1. "
        "Correct it."
    )
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.as_dict()) == (str(error), error.as_dict())
    assert list(REASONS) == sorted(set(REASONS))
    with pytest.raises(ValueError, match="unknown reason"):
        Rejected("mood", source="x")
