"""Turn a wide table (one row per agent and time) into the arrays of a shard."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.columns import feature_column, row_numbers, text_column, time_column
from storage.errors import Rejected
from storage.records import ShardData
from storage.schema import Schema

__all__ = ["shard_from_table"]

_REQUIRED = ("agent", "team", "time")
_OPTIONAL = ("entity", "site", "night")


def shard_from_table(table: pa.Table, schema: Schema, source: str) -> ShardData:
    """Validate a wide table and give its arrays, sorted by (team, agent).

    Parameters
    ----------
    table : pyarrow.Table
        Columns ``agent``, ``team``, ``time``, optionally ``entity``, ``site`` and
        ``night``, and one per feature; in any order, rows in any order.
    schema : Schema
    source : str
        File name, for errors.

    Returns
    -------
    ShardData

    Raises
    ------
    Rejected
        With the reason, column and first five rows at fault.
    """
    _check_columns(table, schema, source)
    ids = text_column(table, "agent", source)
    teams = text_column(table, "team", source)
    entities = ids
    if "entity" in table.column_names:
        entities = text_column(table, "entity", source)
    times = time_column(table, "time", schema.times, source)
    agents, first, place = np.unique(ids, return_index=True, return_inverse=True)
    _one_per_agent(teams, first, place, ids, "team", source)
    _one_per_agent(entities, first, place, ids, "entity", source)
    cell = place * len(schema.times) + times
    _refuse_repeats(cell, ids, schema.times, times, source)
    names, team = np.unique(teams[first], return_inverse=True)
    order = np.lexsort((agents, team))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    values, count = _cells(table, schema, source, rank[place], times, len(agents))
    return ShardData(
        values=values,
        count=count,
        agents=agents[order],
        entities=entities[first][order],
        team=team[order].astype(np.int32),
        team_names=names,
        times=np.asarray(schema.times, dtype=np.int64),
    )


def _check_columns(table: pa.Table, schema: Schema, source: str) -> None:
    present = set(table.column_names)
    wanted = (*_REQUIRED, *schema.names)
    missing = [name for name in wanted if name not in present]
    if missing:
        raise Rejected(
            "missing-column",
            source=source,
            column=missing[0],
            value=f"columns {', '.join(sorted(present))}",
            expected=f"also {', '.join(missing)}",
            remedy="Add the column; a feature nobody measured is a column left empty.",
        )
    unknown = sorted(present - set(wanted) - set(_OPTIONAL))
    if unknown:
        raise Rejected(
            "unknown-feature",
            source=source,
            column=unknown[0],
            value=f"column {unknown[0]!r}",
            expected=f"features {', '.join(schema.names)}",
            remedy="Drop the column, or declare it as a feature in the schema.",
        )


def _one_per_agent(
    labels: NDArray[np.str_],
    first: NDArray[np.int64],
    place: NDArray[np.int64],
    ids: NDArray[np.str_],
    column: str,
    source: str,
) -> None:
    bad = labels != labels[first][place]
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        known = labels[first][place][row]
        raise Rejected(
            "agent-in-two-teams",
            source=source,
            column=column,
            rows=row_numbers(bad),
            value=f"agent {ids[row]} in {known} and in {labels[row]}",
            expected=f"one {column} per agent and night",
            remedy=f"Give the agent one {column}, or one id per {column}.",
        )


def _refuse_repeats(
    cell: NDArray[np.int64],
    ids: NDArray[np.str_],
    axis: tuple[int, ...],
    times: NDArray[np.int64],
    source: str,
) -> None:
    _, first, place = np.unique(cell, return_index=True, return_inverse=True)
    bad = first[place] != np.arange(len(cell))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise Rejected(
            "duplicate-row",
            source=source,
            column="agent",
            rows=row_numbers(bad),
            value=f"agent {ids[row]} at time {axis[times[row]]} more than once",
            expected="one row per agent and time",
            remedy="Remove the repeats, or number the events of a night as times.",
        )


def _cells(
    table: pa.Table,
    schema: Schema,
    source: str,
    agent: NDArray[np.int64],
    time: NDArray[np.int64],
    agents: int,
) -> tuple[NDArray[np.floating], NDArray[np.uint32]]:
    """Spread rows over (agent, time); what no row fills is missing, n = 0."""
    rows = np.stack(
        [feature_column(table, f, schema.dtype, source) for f in schema.features],
        axis=1,
    )
    if schema.complete_rows:
        rows[np.isnan(rows).any(axis=1)] = np.nan
    shape = (agents, len(schema.times))
    values = np.full((*shape, len(schema.features)), np.nan, dtype=schema.dtype)
    values[agent, time] = rows
    count = np.zeros(shape, dtype=np.uint32)
    count[agent, time] = 1
    return values, count
