"""Labels of many annotators become one per item, and audits say how good these are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from distributed import Client

from stats.label_audit import AuditScore, audit_folds, score_audit
from stats.label_model import Method
from stats.label_posterior import LabelPosterior
from stats.summary import NotEnoughData
from storage.answers import AnswerTable
from storage.results import write_table
from tasks.label_consensus import label_consensus
from tasks.progress import report_progress
from tasks.summarize import OutputExists

__all__ = [
    "AggregatedAnswers",
    "LabelOptions",
    "aggregate_answers",
    "refuse_written",
    "write_labels",
]

# Passes over the answers that one aggregation needs at most, about.
_PASSES = 100


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """How answers are weighed; as `stats.reliability.aggregate_labels` takes it.

    Attributes
    ----------
    method : {"dawid-skene", "one-coin", "majority"}
    tempering : float, optional
        Chosen from the answers if absent.
    one_vote : bool
        Annotators that share too many mistakes have one vote together.
    folds : int
        Parts of the audit that are predicted by the rest in turn; 0 predicts none.
    """

    method: Method = "dawid-skene"
    tempering: float | None = None
    one_vote: bool = True
    folds: int = 5


@dataclass(frozen=True, slots=True, eq=False)
class AggregatedAnswers:
    """What a table of answers says.

    Attributes
    ----------
    table : AnswerTable
    posterior : LabelPosterior
        Tasks and sources are positions in the names of the table.
    score : AuditScore, optional
        Of audited items, each predicted without itself.
    """

    table: AnswerTable
    posterior: LabelPosterior
    score: AuditScore | None


def aggregate_answers(
    table: AnswerTable, options: LabelOptions, *, client: Client | None = None
) -> AggregatedAnswers:
    """Aggregate a table of answers, once more for every part of the audit.

    Parameters
    ----------
    table : AnswerTable
    options : LabelOptions
    client : distributed.Client, optional
        Where to run; in this process if absent.

    Raises
    ------
    NotEnoughData
        Where there is one class only.
    InvalidInput
        As `tasks.label_consensus.label_consensus`.
    """
    if len(table.classes) < 2:
        raise NotEnoughData(
            f"labels: every answer is {table.classes[0]!r}, so nothing is left to "
            "decide. Name the other classes that could have been given (--class)."
        )
    folds = list(audit_folds(table.audit, options.folds)) if options.folds else []
    run = _Runs(table, options, client, 1 + len(folds))
    posterior = run(table.audit)
    score = None
    if folds:
        log_p = np.concatenate([
            found.log_probability[np.searchsorted(found.tasks, out)]
            for kept, out in folds
            for found in [run(kept)]
        ])  # fmt: skip
        truth = [table.audit[int(task)] for _, out in folds for task in out]
        score = score_audit(log_p, truth)
    return AggregatedAnswers(table, posterior, score)


class _Runs:
    """Aggregations of one table that share a bar of progress."""

    def __init__(
        self, table: AnswerTable, options: LabelOptions, client: Client | None, n: int
    ) -> None:
        self._table, self._options, self._client = table, options, client
        self._n, self._finished, self._passes = n, 0, 0

    def __call__(self, audit: Mapping[int, int]) -> LabelPosterior:
        """Aggregate with these audits."""
        table, tempering = self._table, self._options.tempering
        self._passes = 0
        found = label_consensus(
            table.item,
            table.annotator,
            table.label,
            n_classes=len(table.classes),
            method=self._options.method,
            audit=audit,
            tempering="auto" if tempering is None else tempering,
            detect_copies=self._options.one_vote,
            client=self._client,
            asked=self._asked,
        )
        self._finished += 1
        self._tell(0)
        return found

    def _asked(self) -> None:
        self._passes += 1
        self._tell(min(self._passes, _PASSES - 1))

    def _tell(self, passes: int) -> None:
        done = self._finished * _PASSES + passes
        report_progress("aggregate", done, self._n * _PASSES)


def refuse_written(path: Path) -> None:
    """Refuse to write over something.

    Raises
    ------
    OutputExists
    """
    if path.exists():
        raise OutputExists(
            f"labels: {path} exists. Choose another name, or remove it first."
        )


def write_labels(found: AggregatedAnswers, path: Path) -> Path:
    """Write a row per item, whole or not at all: as CSV if named so, else as Parquet.

    Raises
    ------
    OutputExists
        When the file exists.
    StorageError
        When it cannot be stored.
    """
    refuse_written(path)
    table, posterior = found.table, found.posterior
    p = posterior.probability
    status = np.where(posterior.undetermined, "undetermined", "decided")
    columns: dict[str, object] = {
        "item": table.items,
        "label": np.array(table.classes)[posterior.label],
        "probability": p.max(axis=1),
        "status": np.where(posterior.audited, "audited", status),
        "answers": posterior.n,
        "votes": posterior.votes,
    }
    for k, name in enumerate(table.classes):
        columns[f"p of {name}"] = p[:, k]
    write_table(path, columns)
    return path
