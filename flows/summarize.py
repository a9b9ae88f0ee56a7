"""Flow: exact statistics of any grouped array, in one pass and bounded memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from tasks.summarize import (
    refuse_used,
    summarize_array,
    summary_rows,
    write_summary,
)

__all__ = ["SummarizeOutcome", "SummarizeParameters", "summarize", "summarize_here"]


class SummarizeParameters(BaseModel):
    """Which array to summarise, how, and in how much memory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    array: str = Field(description="Zarr array: a folder, or an Icechunk repository.")
    path: str = Field(default="", description="Of the array inside the folder.")
    snapshot: str | None = Field(default=None, description="Of an Icechunk repository.")
    groups: str | None = Field(
        default=None,
        description="Label of each agent: an array beside the data, a .npy file, or "
        "file.parquet:column; empty: all agents are one group.",
    )
    statistic: Literal["moments", "spread", "quantiles", "shape"] = Field(
        default="moments",
        description="Moments with covariances, without (spread), quantiles, or shape: "
        "skewness and kurtosis, in float sums.",
    )
    threads: int = Field(
        default=1, ge=1, le=1024, description="Chunks worked on at once, 1 to 1024."
    )
    memory_limit: str | None = Field(
        default=None, description="For example 2GB; empty: what this machine has."
    )
    missing: Literal["refuse", "fill"] | None = Field(
        default=None, description="What a chunk that is not stored means."
    )
    output: Path | None = Field(
        default=None, description="An empty folder for results."
    )
    rows: int = Field(default=1000, ge=0, description="Rows of the table to return.")


class SummarizeOutcome(BaseModel):
    """What a summary answers: facts, the first rows, and where the rest was written."""

    facts: dict[str, Any]
    rows: tuple[dict[str, Any], ...]
    rows_in_all: int
    written: tuple[Path, ...] = ()


@flow(name="summarize", validate_parameters=True)
def summarize(parameters: SummarizeParameters) -> SummarizeOutcome:
    """Read every chunk once and summarise it by group."""
    if parameters.output is not None:
        refuse_used(parameters.output)
    found = summarize_array(
        parameters.array,
        parameters.path,
        groups=parameters.groups,
        statistic=parameters.statistic,
        threads=parameters.threads,
        memory_limit=parameters.memory_limit,
        snapshot=parameters.snapshot,
        missing=parameters.missing,
    )
    written: tuple[Path, ...] = ()
    if parameters.output is not None:
        written = write_summary(found, parameters.output)
    return SummarizeOutcome(
        facts=found.facts,
        rows=tuple(summary_rows(found, parameters.rows)),
        rows_in_all=found.facts["groups"] * found.facts["features"],
        written=written,
    )


def summarize_here(parameters: SummarizeParameters) -> SummarizeOutcome:
    """Run the flow on the server that is configured; without one, just run it.

    Starting an embedded server takes longer than most arrays do.
    """
    if os.environ.get("PREFECT_API_URL"):
        return summarize(parameters)
    return summarize.fn(parameters)
