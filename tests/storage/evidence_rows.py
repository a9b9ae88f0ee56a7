"""Seeded evidence of one source, as arrays and as landing files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from storage.evidence import make_evidence_shard
from storage.evidence_records import EVIDENCE_TYPES, HYPOTHESIS, EvidenceData
from storage.identity import Version
from storage.shards import Shard
from tests.storage.landing import DAY, NIGHT

START = 20_520 * DAY
"""First moment of `NIGHT`, nanoseconds UTC."""


def evidence(
    seed: int = 0, n: int = 50, *, first: int = 0, source: str = "probe", epoch: int = 3
) -> EvidenceData:
    """Rows numbered `first` and on, in canonical form."""
    rng = np.random.default_rng(seed)
    names, agent = np.unique(rng.integers(0, 12, n), return_inverse=True)
    kinds, kind = np.unique(rng.integers(0, 6, n), return_inverse=True)
    return EvidenceData(
        source=source,
        epoch=epoch,
        seq=np.arange(first, first + n),
        agent=agent.astype(np.int32),
        agent_names=np.array([f"a{k:03d}" for k in names]),
        kind=kind.astype(np.uint8),
        kind_names=tuple(EVIDENCE_TYPES[k] for k in kinds),
        hypothesis=np.zeros(n, dtype=np.uint8),
        hypotheses=(HYPOTHESIS,),
        time=START + rng.integers(0, DAY, n),
        log_ratio=rng.normal(size=n),
        confidence=rng.random(n),
    )


def frame(data: EvidenceData) -> pd.DataFrame:
    """Columns of a landing file, without the optional ones."""
    return pd.DataFrame(
        {
            "source": data.source,
            "epoch": data.epoch,
            "seq": data.seq,
            "agent": data.agent_names[data.agent],
            "type": np.array(data.kind_names)[data.kind],
            "time": data.time,
            "log_ratio": data.log_ratio,
            "confidence": data.confidence,
        }
    )


def land(path: Path, rows: pd.DataFrame, **header: Any) -> Path:
    """Write a landing file by its ending, and its sidecar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        rows.to_csv(path, index=False)
    elif path.suffix in (".feather", ".arrow"):
        rows.reset_index(drop=True).to_feather(path)
    else:
        rows.to_parquet(path, index=False)
    fields = {"night": NIGHT, "seq": 1} | header
    said = {name: value for name, value in fields.items() if value is not None}
    path.with_name(f"{path.name}.shard.json").write_text(json.dumps(said))
    return path


def shard(
    data: EvidenceData, *, part: str = "0", seq: int = 1, night: str = NIGHT
) -> Shard:
    """Make a shard on its way into the store."""
    version = Version(0, seq)
    return make_evidence_shard(
        night, version, data, part=part, event_end=START + DAY, ingested_at=START
    )


def changed(data: EvidenceData, **columns: Any) -> EvidenceData:
    """Return the data with other columns."""
    return replace(data, **columns)


def same(a: EvidenceData, b: EvidenceData) -> None:
    """Assert that all fields are equal, dtypes included."""
    for name in EvidenceData.__dataclass_fields__:
        left, right = getattr(a, name), getattr(b, name)
        if isinstance(left, np.ndarray):
            assert left.dtype.kind == right.dtype.kind
            np.testing.assert_array_equal(left, right, strict=left.dtype.kind != "U")
        else:
            assert left == right


GOOD = frame(evidence(1))
"""Rows of a landing file that nothing is wrong with."""


def bad(column: str, value: Any, row: int = 4) -> pd.DataFrame:
    """Return good rows with one value replaced; `row` counts from 1."""
    out = GOOD.copy()
    if not isinstance(value, type(out[column].iloc[0])):
        out[column] = out[column].astype(object)
    out.loc[row - 1, column] = value
    return out
