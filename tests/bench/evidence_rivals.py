"""Float sums of evidence by group: numpy, Polars and DuckDB."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["float_sums", "table_rivals"]

Floats = NDArray[np.float64]


def float_sums(
    log_ratio: Floats, confidence: Floats, agent: NDArray[np.int32], agents: int
) -> Floats:
    """Σ w l by agent, added in the order of the rows."""
    return np.bincount(agent, log_ratio * confidence, minlength=agents)


def table_rivals(
    path: Path, threads: int
) -> tuple[dict[str, Callable[[], Floats]], list[str]]:
    """Sum a Parquet file by agent; and what is not installed."""
    made = {"duckdb": _duckdb, "polars": _polars}
    found: dict[str, Callable[[], Floats]] = {}
    skipped = []
    for name, make in made.items():
        if importlib.util.find_spec(name) is None:
            skipped.append(f"{name}: not installed")
        else:
            title, call = make(path, threads)
            found[title] = call
    return found, skipped


def _duckdb(path: Path, threads: int) -> tuple[str, Callable[[], Floats]]:
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"set threads = {threads}")
    query = (
        "select agent, sum(log_ratio * confidence) as s "
        f"from read_parquet('{path}') group by agent order by agent"
    )
    return (
        f"DuckDB {duckdb.__version__}",
        lambda: np.asarray(connection.execute(query).fetchnumpy()["s"], np.float64),
    )


def _polars(path: Path, threads: int) -> tuple[str, Callable[[], Floats]]:
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    import polars as pl

    total = (pl.col("log_ratio") * pl.col("confidence")).sum().alias("s")

    def run() -> Floats:
        plan = pl.scan_parquet(path).group_by("agent").agg(total).sort("agent")
        return plan.collect(engine="streaming")["s"].to_numpy()

    used = pl.thread_pool_size()
    return f"Polars {pl.__version__}, {used} threads", run
