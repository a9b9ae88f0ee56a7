"""Answers of sources to tasks as one sparse, sorted table: nothing dense is built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from stats.summary import InvalidInput

__all__ = ["LabelRows", "checked_answers", "label_rows", "whole_numbers"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LabelRows:
    """Every answer once, sorted by task, then source.

    Attributes
    ----------
    tasks : int64 array, shape (t,)
        Identities of tasks, ascending.
    sources : int64 array, shape (s,)
        Identities of sources, ascending.
    task, source, label : int64 array, shape (n,)
        Positions in `tasks` and `sources`, and the answer in 0 ... n_classes - 1.
    start : int64 array, shape (t + 1,)
        Rows of task i are ``start[i]:start[i + 1]``.
    n_classes : int
    contradictions : int64 array, shape (s,)
        Tasks to which a source gave several different answers; none of them counts.
    """

    tasks: Ints
    sources: Ints
    task: Ints
    source: Ints
    label: Ints
    start: Ints
    n_classes: int
    contradictions: Ints

    @property
    def cell(self) -> Ints:
        """Position of (source, label) of every row, source first; int64, shape (n,)."""
        found: Ints = self.source * self.n_classes + self.label
        return found

    @property
    def n_cells(self) -> int:
        """Sources times classes."""
        return self.sources.size * self.n_classes

    def blocks(self, block_tasks: int) -> Iterator[slice]:
        """Slices of consecutive tasks, at most `block_tasks` each."""
        for first in range(0, self.tasks.size, block_tasks):
            yield slice(first, min(first + block_tasks, self.tasks.size))

    def part(self, tasks: slice) -> LabelRows:
        """Answers to some consecutive tasks, numbered from 0; sources stay all.

        Contradictions belong to the whole table: a part has none.
        """
        bounds = self.start[tasks.start : tasks.stop + 1]
        rows = slice(int(bounds[0]), int(bounds[-1]))
        return replace(
            self,
            tasks=self.tasks[tasks],
            task=self.task[rows] - tasks.start,
            source=self.source[rows],
            label=self.label[rows],
            start=bounds - bounds[0],
            contradictions=np.zeros_like(self.contradictions),
        )

    def matrix(self, tasks: slice, weight: NDArray[np.generic]) -> sparse.csr_array:
        """Sparse tasks by cells of one block, filled with the weights of its rows."""
        bounds = self.start[tasks.start : tasks.stop + 1]
        rows = slice(int(bounds[0]), int(bounds[-1]))
        return sparse.csr_array(
            (weight[rows], self.cell[rows], bounds - bounds[0]),
            shape=(bounds.size - 1, self.n_cells),
        )


def label_rows(
    task: ArrayLike,
    source: ArrayLike,
    label: ArrayLike,
    n_classes: int,
    *,
    sources: Ints | None = None,
) -> LabelRows:
    """Check, sort and deduplicate answers.

    Parameters
    ----------
    task, source : array_like of int, shape (n,)
        Identities; any integers that fit int64.
    label : array_like of int, shape (n,)
        Answers in 0 ... n_classes - 1.
    n_classes : int
        At least 2.
    sources : int64 array, shape (s,), optional
        All sources, ascending, where these are the answers of a partition of tasks;
        those that answer, if left out.

    Returns
    -------
    LabelRows
        The same for any order of rows.  An answer that is repeated counts once; a task
        whose every answer contradicts itself keeps its place, without answers.

    Raises
    ------
    InvalidInput
        For lengths that differ, numbers that are not whole, or labels out of range.
    """
    at_task, at_source, answer = checked_answers(task, source, label, n_classes)
    everybody = np.unique(at_source) if sources is None else sources
    if sources is not None and not np.isin(at_source, sources).all():
        raise InvalidInput(
            f"aggregate_labels: answers of sources that are not among the "
            f"{sources.size} given. Give all sources of all partitions."
        )
    return _sorted_rows(at_task, at_source, answer, n_classes, everybody)


def checked_answers(
    task: ArrayLike, source: ArrayLike, label: ArrayLike, n_classes: int
) -> tuple[Ints, Ints, Ints]:
    """Columns of answers as int64, or say what is wrong with them.

    Raises
    ------
    InvalidInput
        As `label_rows`.
    """
    if n_classes < 2:
        raise InvalidInput(
            f"aggregate_labels: n_classes {n_classes} leaves nothing to decide. "
            "Give at least 2."
        )
    at_task = whole_numbers(task, "task")
    at_source = whole_numbers(source, "source")
    answer = whole_numbers(label, "label")
    sizes = [at_task.size, at_source.size, answer.size]
    if len(set(sizes)) > 1:
        raise InvalidInput(
            f"aggregate_labels: task, source and label have {sizes} rows. "
            "Give one of each per answer."
        )
    out = (answer < 0) | (answer >= n_classes)
    if out.any():
        raise InvalidInput(
            f"aggregate_labels: {int(out.sum())} labels lie outside 0 ... "
            f"{n_classes - 1}, the first is {answer[out][0]}. "
            "Number the classes from 0 and give n_classes."
        )
    return at_task, at_source, answer


def whole_numbers(values: ArrayLike, name: str) -> Ints:
    """Identities as int64, or say what is wrong with them."""
    found = np.asarray(values)
    if not found.size:
        return np.zeros(0, np.int64)
    fits = found.dtype.kind in "iu" and found.ndim == 1
    if not fits or (found.dtype.kind == "u" and found.max() > np.iinfo(np.int64).max):
        raise InvalidInput(
            f"aggregate_labels: {name} has dtype {found.dtype}, shape {found.shape}. "
            "Give one int64 per answer; number names with numpy.unique first."
        )
    return found.astype(np.int64)


def _sorted_rows(
    task: Ints, source: Ints, label: Ints, n_classes: int, sources: Ints
) -> LabelRows:
    tasks, at_task = np.unique(task, return_inverse=True)
    at_source = np.searchsorted(sources, source)
    order = np.lexsort((label, at_source, at_task))
    at_task, at_source, label = at_task[order], at_source[order], label[order]
    pair = at_task.astype(np.int64) * max(sources.size, 1) + at_source
    same_pair = pair[1:] == pair[:-1]
    repeated = same_pair & (label[1:] == label[:-1])
    clash = np.zeros(pair.size, np.bool_)
    clash[1:] = same_pair & ~repeated
    bad = np.unique(pair[clash])
    keep = ~np.isin(pair, bad)
    keep[1:] &= ~repeated
    at_task, at_source, label = at_task[keep], at_source[keep], label[keep]
    return LabelRows(
        tasks=tasks,
        sources=sources,
        task=at_task.astype(np.int64),
        source=at_source.astype(np.int64),
        label=label,
        start=np.searchsorted(at_task, np.arange(tasks.size + 1)).astype(np.int64),
        n_classes=n_classes,
        contradictions=np.bincount(
            bad % max(sources.size, 1), minlength=sources.size
        ).astype(np.int64),
    )
