"""The two steps of Dawid and Skene: exact counts by source, and posteriors by task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from stats.label_rows import LabelRows
from stats.logspace import log_softmax
from stats.summary import Incompatible, InvalidInput, digest

__all__ = [
    "DIAGONAL",
    "METHODS",
    "STARTING",
    "UNIT",
    "LabelModel",
    "Method",
    "SourceCounts",
    "fit_model",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["dawid-skene", "one-coin", "majority"]

METHODS: tuple[Method, ...] = ("dawid-skene", "one-coin", "majority")
# Of a source nobody has seen yet: it knows with this probability, else it guesses.
DIAGONAL = 0.7
# Answers that this is worth beside what a source said.
STARTING = 2.0
# Expected counts are kept in whole units of this, so that their sums are exact.
UNIT = 2.0**-30


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SourceCounts:
    """Expected answers by source, true class and label: all that learning needs.

    Attributes
    ----------
    answers : int64 array, shape (s, k, k)
        Source, true class, answer; in units of 2⁻³⁰ of an answer.
    classes : int64 array, shape (k,)
        Tasks by true class, in the same units.

    Notes
    -----
    Partitions of tasks add, exactly: probabilities are rounded to the unit once, before
    any sum.  Up to 8e9 answers of a kind.  Naive twin: tests/stats/test_reliability.py.
    """

    answers: Ints
    classes: Ints

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def from_block(
        cls,
        rows: LabelRows,
        probability: Floats,
        tasks: slice | None = None,
        kept: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Count a block of tasks, each shared out over classes.

        Parameters
        ----------
        rows : LabelRows
        probability : float64 array, shape (t, k)
            Of the true class, for every task of the block.
        tasks : slice, optional
            The block; all tasks if left out.
        kept : bool array, shape (t,), optional
            Tasks of the block to count; all if left out.
        """
        block = slice(0, rows.tasks.size) if tasks is None else tasks
        units = np.rint(probability / UNIT).astype(np.int64)
        if kept is not None:
            units[~kept] = 0
        ones = np.ones(rows.task.size, np.int64)
        cells = rows.matrix(block, ones).T @ units
        n = rows.n_classes
        by_label = np.asarray(cells, np.int64).reshape(rows.sources.size, n, n)
        answers = np.ascontiguousarray(by_label.transpose(0, 2, 1))
        return cls(answers, units.sum(axis=0))

    def empty(self) -> Self:
        """Return the same sources and classes with nothing counted."""
        return type(self)(np.zeros_like(self.answers), np.zeros_like(self.classes))

    def merge(self, other: Self) -> Self:
        """Add the counts of other tasks; both speak of the same sources, in order.

        Raises
        ------
        Incompatible
            When sources or classes differ in number.
        """
        if self.answers.shape != other.answers.shape:
            raise Incompatible(
                f"SourceCounts.merge: shapes {self.answers.shape} and "
                f"{other.answers.shape} differ. Number sources and classes alike."
            )
        return type(self)(self.answers + other.answers, self.classes + other.classes)

    def subtract(self, other: Self) -> Self:
        """Take away the counts of tasks that were merged before."""
        return self.merge(type(self)(-other.answers, -other.classes))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the canonical state as named arrays."""
        return {"answers": self.answers, "classes": self.classes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave."""
        answers = np.asarray(arrays["answers"], np.int64)
        classes = np.asarray(arrays["classes"], np.int64)
        if answers.ndim != 3 or answers.shape[1:] != (classes.size, classes.size):
            raise InvalidInput(
                f"SourceCounts.from_arrays: answers {answers.shape} do not fit "
                f"{classes.size} classes. Count the answers again."
            )
        return cls(answers, classes)

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)

    def __repr__(self) -> str:
        n = float(self.answers.sum()) * UNIT
        return f"SourceCounts: n={n:,.0f} answers | sources={len(self.answers):,}"


@dataclass(frozen=True, slots=True, eq=False)
class LabelModel:
    """How often each class occurs, and what each source says of each.

    Attributes
    ----------
    log_prior : float64 array, shape (k,)
    log_confusion : float64 array, shape (s, k, k)
        log probability of an answer, given source and true class; always finite.
    """

    log_prior: Floats
    log_confusion: Floats

    @property
    def accuracy(self) -> Floats:
        """Probability of a right answer over classes as they occur; shape (s,)."""
        right = np.einsum("skk->sk", np.exp(self.log_confusion))
        found: Floats = right @ np.exp(self.log_prior)
        return found

    def silenced(self, sources: NDArray[np.bool_]) -> LabelModel:
        """The same where the answers of some sources say nothing; bool, shape (s,)."""
        quiet = np.where(sources[:, None, None], 0.0, self.log_confusion)
        return LabelModel(self.log_prior, quiet)

    def votes(self, rows: LabelRows, share: Floats, tasks: slice) -> Floats:
        """Log-likelihood of every class, for a block of tasks; shape (tasks, k).

        Each answer counts `share` of itself.  The sum of a task is taken in the order
        of its sources, so that blocks change no bit.
        """
        n = rows.n_classes
        by_cell = self.log_confusion.transpose(0, 2, 1).reshape(-1, n)
        return np.asarray(rows.matrix(tasks, share) @ by_cell, np.float64)

    def log_posterior(
        self, rows: LabelRows, share: Floats, tempering: float, tasks: slice
    ) -> Floats:
        """Log-probability of every class, for a block of tasks; shape (tasks, k)."""
        votes = self.votes(rows, share, tasks)
        return log_softmax(self.log_prior + tempering * votes)


def fit_model(counts: SourceCounts, method: Method, smoothing: float) -> LabelModel:
    """Most probable model for expected counts, with priors that favour the truth.

    Parameters
    ----------
    counts : SourceCounts
    method : {"dawid-skene", "one-coin", "majority"}
        One matrix per source; one accuracy per source; one accuracy for all.
    smoothing : float
        Answers per true class that a source's overall accuracy is worth beside what it
        said of that class, greater than 0; only for "dawid-skene".

    Notes
    -----
    Two levels: an accuracy starts, with the weight of two answers, from a source that
    knows with probability 0.7 and else guesses; a row of a matrix starts from the
    accuracy of its source.  Few answers so give one number, many a matrix, and classes
    do not change names.  "majority" takes all classes for equally frequent: its most
    probable class is the plurality.
    """
    n = counts.classes.size
    expected = counts.answers * UNIT
    right = np.trace(expected, axis1=1, axis2=2)
    total = expected.sum(axis=(1, 2))
    if method == "majority":
        right, total = (np.full_like(x, x.sum()) for x in (right, total))
    first = DIAGONAL + (1.0 - DIAGONAL) / n
    accuracy = (right + STARTING * first) / (total + STARTING)
    wrong = ((1.0 - accuracy) / (n - 1))[:, None, None]
    confusion = np.where(np.eye(n, dtype=np.bool_), accuracy[:, None, None], wrong)
    if method == "dawid-skene":
        confusion = expected + smoothing * confusion
        confusion /= confusion.sum(axis=2, keepdims=True)
    classes = np.ones(n) if method == "majority" else counts.classes * UNIT + 1.0
    return LabelModel(np.log(classes / classes.sum()), np.log(confusion))
