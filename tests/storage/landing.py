"""A small dataset, its landing files, and ways to look at a store from outside."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from storage.ingest import IngestReport, ingest
from storage.schema import Feature, Schema
from storage.store import BehaviorStore

DAY = 86_400_000_000_000
NIGHT = "2026-03-08"
NOW = 20_520 * DAY + DAY // 4  # 2026-03-08 06:00 UTC
SCHEMA = Schema(
    dataset="demo",
    features=(
        Feature("speed", "m/s", "Speed", 0.0, 1_000.0),
        Feature("load", "1", "Load"),
    ),
    times=(0, 6, 12),
    complete_rows=False,
)


def table(seed: int = 0, agents: int = 20) -> pd.DataFrame:
    """Wide rows of one shard: some cells absent, some values missing."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "agent": f"00{i}",
            "entity": f"e{i // 2}",
            "team": f"team {i % 3}",
            "time": t,
            "speed": round(float(rng.uniform(0, 100)), 3),
            "load": float("nan") if rng.random() < 0.2 else float(rng.normal()),
        }
        for i in range(agents)
        for t in SCHEMA.times
        if rng.random() < 0.8
    ]
    return pd.DataFrame(rows)


def write(path: Path, frame: pd.DataFrame, **header: Any) -> Path:
    """Write a landing file by its ending, and its sidecar unless there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".feather":
        frame.reset_index(drop=True).to_feather(path)
    else:
        frame.to_parquet(path, index=False)
    fields = {"site": "north", "night": NIGHT, "seq": 1} | header
    said = {name: value for name, value in fields.items() if value is not None}
    path.with_name(f"{path.name}.shard.json").write_text(json.dumps(said))
    return path


def take_in(store: BehaviorStore, *paths: Path, **options: Any) -> IngestReport:
    """Ingest at the test's own clock, quarantine beside the landing folder."""
    place = Path(store.url).parent / "quarantine"
    return ingest(paths, store, **({"quarantine": place, "now": NOW} | options))


def fingerprint(folder: Path) -> str:
    """Hash of every file below a folder, names and bytes."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        digest.update(str(file.relative_to(folder)).encode())
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()
