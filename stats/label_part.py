"""A partition of tasks: what it says of itself under a model, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stats.label_model import UNIT, LabelModel, SourceCounts
from stats.label_rows import LabelRows, whole_numbers
from stats.summary import InvalidInput

__all__ = ["NOT_AUDITED", "LabelPart", "PartResult", "known_classes", "vote_shares"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Known class of a task that nobody audited.
NOT_AUDITED = -1


@dataclass(frozen=True, slots=True, eq=False)
class PartResult:
    """What is told of the tasks of a partition, and what its answers say of sources.

    Attributes
    ----------
    tasks, n : int64 array, shape (t,)
    log_probability : float64 array, shape (t, k)
    votes : float64 array, shape (t,)
    audited, differs : bool array, shape (t,)
        Known tasks, and those whose class hangs on linked sources.
    right, doubt : int64 array, shape (s,)
        Expected right answers and their variance, in units of 2⁻³⁰.
    answers, contradictions : int64 array, shape (s,)
    """

    tasks: Ints
    n: Ints
    log_probability: Floats
    votes: Floats
    audited: Bools
    differs: Bools
    right: Ints
    doubt: Ints
    answers: Ints
    contradictions: Ints


@dataclass(frozen=True, slots=True, eq=False)
class LabelPart:
    """Answers to some tasks, all of them, by any of the sources.

    Attributes
    ----------
    rows : LabelRows
        Its sources are those of all partitions.
    known : int64 array, shape (t,)
        Class of audited tasks, `NOT_AUDITED` elsewhere.
    share : float64 array, shape (n,)
        Of a vote, per answer.
    first : int
        How many tasks lie in partitions before this one.

    Notes
    -----
    Whatever is added up over tasks is an integer, so no bit of a sum depends on how
    tasks are partitioned; what is told of a task depends on its own answers alone.
    """

    rows: LabelRows
    known: Ints
    share: Floats
    first: int

    @property
    def audited(self) -> Bools:
        """Tasks whose class is known, bool, shape (t,)."""
        found: Bools = self.known != NOT_AUDITED
        return found

    def shared(self, group: Ints) -> LabelPart:
        """Let linked sources split one vote in every task."""
        return replace(self, share=vote_shares(self.rows, group))

    def log_posterior(self, model: LabelModel, tempering: float = 1.0) -> Floats:
        """Log-probability of every class from answers alone, shape (t, k)."""
        every = slice(0, self.rows.tasks.size)
        return model.log_posterior(self.rows, self.share, tempering, every)

    def posterior(self, model: LabelModel) -> Floats:
        """Probability of every class, known classes in their place; shape (t, k)."""
        found: Floats = np.exp(self.log_posterior(model))
        at = np.flatnonzero(self.audited)
        found[at] = 0.0
        found[at, self.known[at]] = 1.0
        return found

    def certain(self) -> SourceCounts:
        """Answers to audited tasks."""
        even = np.zeros((self.rows.tasks.size, self.rows.n_classes))
        at = np.flatnonzero(self.audited)
        even[at, self.known[at]] = 1.0
        return SourceCounts.from_block(self.rows, even, kept=self.audited)

    def counts(
        self, *, model: LabelModel, left_out: tuple[int, int] | None = None
    ) -> SourceCounts:
        """Expected answers under a model.

        Parameters
        ----------
        model : LabelModel
        left_out : tuple of int, optional
            ``(i, m)`` leaves out tasks at positions i, i + m, i + 2 m ... of all.
        """
        kept = None
        if left_out is not None:
            fold = (self.first + np.arange(self.rows.tasks.size)) % left_out[1]
            kept = fold != left_out[0]
        return SourceCounts.from_block(self.rows, self.posterior(model), kept=kept)

    def right(self, *, model: LabelModel) -> int:
        """Audited tasks that answers alone get right."""
        at = np.flatnonzero(self.audited)
        found = self.log_posterior(model)[at].argmax(axis=1)
        return int((found == self.known[at]).sum())

    def result(
        self, *, model: LabelModel, alone: Bools, tempering: float
    ) -> PartResult:
        """All that is told of tasks; `alone` are sources that are linked to nobody."""
        rows = self.rows
        log_p = self.log_posterior(model, tempering)
        at = np.flatnonzero(self.audited)
        log_p[at] = -np.inf
        log_p[at, self.known[at]] = 0.0
        without = self.log_posterior(model.silenced(~alone), tempering)
        votes = np.bincount(rows.task, weights=self.share, minlength=rows.tasks.size)
        said = np.exp(log_p)[rows.task, rows.label]
        return PartResult(
            tasks=rows.tasks,
            n=np.diff(rows.start),
            log_probability=log_p,
            votes=tempering * votes.astype(np.float64),
            audited=self.audited,
            differs=without.argmax(axis=1) != log_p.argmax(axis=1),
            right=_units(rows, said),
            doubt=_units(rows, said * (1.0 - said)),
            answers=np.bincount(rows.source, minlength=rows.sources.size),
            contradictions=rows.contradictions,
        )


def _units(rows: LabelRows, values: Floats) -> Ints:
    """Exact sums by source of values in [0, 1], each rounded to 2⁻³⁰."""
    found = np.zeros(rows.sources.size, np.int64)
    np.add.at(found, rows.source, np.rint(values / UNIT).astype(np.int64))
    return found


def vote_shares(rows: LabelRows, group: Ints) -> Floats:
    """Share of a vote per answer: linked sources split one in every task.

    Parameters
    ----------
    rows : LabelRows
    group : int64 array, shape (s,)
        As `stats.label_copies.linked_sources` gives it.

    Returns
    -------
    float64 array, shape (n,)
        In (0, 1]; the shares of a group in a task sum to 1.
    """
    key = rows.task * max(rows.sources.size, 1) + group[rows.source]
    _, at, size = np.unique(key, return_inverse=True, return_counts=True)
    found: Floats = 1.0 / size[at]
    return found


def known_classes(tasks: Ints, n_classes: int, audit: Mapping[int, int]) -> Ints:
    """Known class per task, -1 where none is; audits of unseen tasks teach nothing.

    Raises
    ------
    InvalidInput
        For an audit that is no class.
    """
    known = np.full(tasks.size, NOT_AUDITED, np.int64)
    ids = whole_numbers(list(audit.keys()), "audit (task)")
    classes = whole_numbers(list(audit.values()), "audit (class)")
    if classes.size and (classes.min() < 0 or classes.max() >= n_classes):
        raise InvalidInput(
            f"aggregate_labels: audit holds classes {classes.min()} ... "
            f"{classes.max()}, of 0 ... {n_classes - 1}. Correct the audit."
        )
    seen = np.isin(ids, tasks)
    known[np.searchsorted(tasks, ids[seen])] = classes[seen]
    return known
