"""DuckDB and Polars on Parquet: missing is null, covariances are pairwise complete."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.answers import Answer, Contender
from tests.bench.data import PARQUET
from tests.bench.options import Options

_STATISTICS = ("count", "mean", "sd", "minimum", "maximum")
# Both answer float32 columns: DuckDB in float64, Polars in float32.
_DOUBLE, _SINGLE = 1e-9, 1e-5


def duckdb_contender(options: Options, question: str) -> Contender:
    """DuckDB, by the encoding of the file."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"set threads = {options.threads}")
    d = options.population.features
    columns = ", ".join(_COLUMNS[question](d))

    def run(path: str) -> Answer:
        query = f"select {columns} from read_parquet('{path}') group by team"
        found = connection.execute(f"{query} order by team").fetchnumpy()
        return _ANSWERS[question](found, d)

    return Contender(
        f"DuckDB {duckdb.__version__}",
        {e: partial(run, str(options.files.table(e))) for e in PARQUET},
        _DOUBLE,
    )


def polars_contender(options: Options, question: str) -> Contender:
    """Polars, by the encoding of the file and the engine."""
    os.environ["POLARS_MAX_THREADS"] = str(options.threads)
    import polars as pl

    if pl.thread_pool_size() != options.threads:
        raise RuntimeError(
            f"polars runs {pl.thread_pool_size()} threads, {options.threads} were "
            "asked for. It was imported before: run peers on their own."
        )
    d = options.population.features
    columns = _EXPRESSIONS[question](d)

    def run(path: str, engine: Any) -> Answer:
        plan = pl.scan_parquet(path).group_by("team").agg(columns).sort("team")
        frame = plan.collect(engine=engine)
        return _ANSWERS[question]({c: frame[c].to_numpy() for c in frame.columns}, d)

    return Contender(
        f"Polars {pl.__version__}",
        {
            f"{encoding}, {engine}": partial(
                run, str(options.files.table(encoding)), engine
            )
            for encoding in PARQUET
            for engine in ("in-memory", "streaming")
        },
        _SINGLE,
    )


def _pairs(d: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(d) for j in range(i, d)]


def _covariance_columns(d: int) -> list[str]:
    return [f"covar_samp(f{i}, f{j}) as c{i}_{j}" for i, j in _pairs(d)]


def _five_columns(d: int) -> list[str]:
    functions = ("count", "avg", "stddev_samp", "min", "max")
    return [
        f"{function}(f{i}) as {name}{i}"
        for i in range(d)
        for function, name in zip(functions, _STATISTICS, strict=True)
    ]


def _covariance_expressions(d: int) -> list[Any]:
    import polars as pl

    return [pl.cov(f"f{i}", f"f{j}").alias(f"c{i}_{j}") for i, j in _pairs(d)]


def _five_expressions(d: int) -> list[Any]:
    import polars as pl

    found: list[Any] = []
    for i in range(d):
        column = pl.col(f"f{i}")
        all_five = (
            column.count(), column.mean(), column.std(), column.min(), column.max()
        )  # fmt: skip
        named = zip(all_five, _STATISTICS, strict=True)
        found += [expression.alias(f"{name}{i}") for expression, name in named]
    return found


def _covariance_answer(found: Mapping[str, NDArray[Any]], d: int) -> Answer:
    covariance = np.empty((len(found["c0_0"]), d, d))
    for i, j in _pairs(d):
        covariance[:, i, j] = covariance[:, j, i] = found[f"c{i}_{j}"]
    return {"covariance": covariance}


def _five_answer(found: Mapping[str, NDArray[Any]], d: int) -> Answer:
    return {
        name: np.stack([np.asarray(found[f"{name}{i}"]) for i in range(d)], axis=1)
        for name in _STATISTICS
    }


_COLUMNS: dict[str, Callable[[int], list[str]]] = {
    "covariance": _covariance_columns,
    "five": _five_columns,
}
_EXPRESSIONS: dict[str, Callable[[int], list[Any]]] = {
    "covariance": _covariance_expressions,
    "five": _five_expressions,
}
_ANSWERS: dict[str, Callable[[Mapping[str, NDArray[Any]], int], Answer]] = {
    "covariance": _covariance_answer,
    "five": _five_answer,
}
