"""Flow: labels of annotators that err, copy or lie become one label per item."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from distributed import Client
from prefect import flow
from pydantic import BaseModel, ConfigDict, Field, field_validator

from flows.artifacts import publish_label_answer
from storage.answers import AnswerColumns, read_answers
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.keys import Answer
from tasks.label_answers import (
    LabelOptions,
    aggregate_answers,
    refuse_written,
    write_labels,
)
from tasks.label_words import label_words

__all__ = ["LabelsOutcome", "LabelsParameters", "labels", "labels_here"]


class LabelsParameters(BaseModel):
    """Which answers to aggregate, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path = Field(
        description="Parquet, CSV, Feather or Arrow with a row per answer."
    )
    item: str = Field(default="item", min_length=1, description="Column of the items.")
    annotator: str = Field(
        default="annotator", min_length=1, description="Column of the annotators."
    )
    label: str = Field(default="label", min_length=1, description="Column of labels.")
    classes: tuple[str, ...] = Field(
        default=(),
        description="Classes there are, although nobody may have given them.",
    )
    method: Literal["dawid-skene", "one-coin", "majority"] = Field(
        default="dawid-skene",
        description="A confusion matrix per annotator, one accuracy each, or one for "
        "all.",
    )
    audit: Path | None = Field(
        default=None,
        description="Such a file with the known labels of some items; empty: none.",
    )
    folds: int = Field(
        default=5,
        ge=0,
        le=100,
        description="Parts of the audit that the rest predicts in turn, 0 to 100; "
        "each takes as long as the aggregation.",
    )
    tempering: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Share of the answers that is independent, above 0 to 1; empty: "
        "estimated.",
    )
    one_vote: bool = Field(
        default=True,
        description="Annotators that share too many mistakes have one vote together.",
    )
    cluster: str | None = Field(
        default=None,
        description="local, threads, a YAML file, or the address of a scheduler; "
        "empty: in this process.",
    )
    top: int = Field(
        default=20, ge=0, le=10_000, description="Annotators shown, 0 to 10,000."
    )
    out: Path | None = Field(
        default=None,
        description="New file for the posterior of every item, .parquet or .csv.",
    )

    @field_validator("out")
    @classmethod
    def _known_ending(cls, value: Path | None) -> Path | None:
        if value is not None and value.suffix not in (".parquet", ".csv"):
            raise ValueError(
                f"{value} ends neither in .parquet nor in .csv. Name it so."
            )
        return value


class LabelsOutcome(BaseModel):
    """What was found: plain values, lines and a table of annotators."""

    found: dict[str, Any]
    lines: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def answer(self) -> Answer:
        """The same for the console."""
        return Answer(self.found, self.lines, self.columns, self.rows)


@flow(name="labels", validate_parameters=True)
def labels(parameters: LabelsParameters) -> LabelsOutcome:
    """Aggregate answers, write the posterior of every item if asked, say what is known.

    Leaves the answer and the table of annotators as artifacts.
    """
    outcome = _labels(parameters)
    publish_label_answer(
        about=parameters.file.name, lines=outcome.lines, columns=outcome.columns,
        rows=outcome.rows,
    )  # fmt: skip
    return outcome


def labels_here(parameters: LabelsParameters) -> LabelsOutcome:
    """Run the flow on the server that is configured; without one, just do the work."""
    if os.environ.get("PREFECT_API_URL"):
        return labels(parameters)
    return _labels(parameters)


def _labels(parameters: LabelsParameters) -> LabelsOutcome:
    if parameters.out is not None:
        refuse_written(parameters.out)
    columns = AnswerColumns(parameters.item, parameters.annotator, parameters.label)
    table = read_answers(
        parameters.file, columns=columns, audit=parameters.audit,
        classes=parameters.classes,
    )  # fmt: skip
    options = LabelOptions(
        method=parameters.method, tempering=parameters.tempering,
        one_vote=parameters.one_vote, folds=parameters.folds,
    )  # fmt: skip
    with _client(parameters) as client:
        found = aggregate_answers(table, options, client=client)
    answer = label_words(found, options, parameters.top)
    written: tuple[str, ...] = ()
    if parameters.out is not None:
        written = (str(write_labels(found, parameters.out)),)
    return LabelsOutcome(
        found={**answer.found, "written": list(written)},
        lines=(*answer.lines, *(f"Written: {path}" for path in written)),
        columns=answer.columns,
        rows=answer.rows,
    )


@contextlib.contextmanager
def _client(parameters: LabelsParameters) -> Iterator[Client | None]:
    """Client of the cluster that was asked for; None for this process."""
    if parameters.cluster is None:
        yield None
        return
    with cluster_session(ClusterConfig.load(parameters.cluster)) as session:
        yield session.client()
