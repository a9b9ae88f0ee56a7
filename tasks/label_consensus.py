"""Labels aggregated over partitions of tasks, on a Dask cluster or in this process.

Only counts by source, and in the end the result, travel: an iteration sends the model
to every partition and adds up what comes back.  Nothing here imports prefect.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from distributed import Client, Future
from numpy.typing import ArrayLike, NDArray

from stats.label_model import Method
from stats.label_part import LabelPart, known_classes
from stats.label_parts import LabelParts, Mergeable, PartsHere
from stats.label_posterior import LabelPosterior
from stats.label_rows import checked_answers, label_rows
from stats.reliability import aggregate_parts
from stats.summary import InvalidInput
from tasks.label_progress import CountedParts

__all__ = ["PartsOnCluster", "label_consensus"]

T = TypeVar("T")
M = TypeVar("M", bound=Mergeable)
Ints = NDArray[np.int64]
# How many answers of partitions one merge takes.
_FAN_IN = 16


def label_consensus(
    task: ArrayLike,
    source: ArrayLike,
    label: ArrayLike,
    *,
    n_classes: int,
    method: Method = "dawid-skene",
    smoothing: float = 10.0,
    audit: Mapping[int, int] | None = None,
    tempering: Literal["auto"] | float = "auto",
    detect_copies: bool = True,
    iterations: int = 30,
    tasks_per_part: int = 65_536,
    client: Client | None = None,
    asked: Callable[[], None] | None = None,
) -> LabelPosterior:
    """Aggregate labels, the work on tasks spread over partitions of them.

    Parameters
    ----------
    task, source, label, n_classes
        As `stats.reliability.aggregate_labels`.
    method, smoothing, audit, tempering, detect_copies, iterations
        As `stats.reliability.aggregate_labels`.
    tasks_per_part : int
        At least 1; bounds what a worker holds beside its partitions.
    client : distributed.Client, optional
        Where to run; None runs in this process, one partition after the other.
    asked : callable, optional
        Called after every pass over all partitions, to show progress.

    Returns
    -------
    LabelPosterior
        Bit for bit what `aggregate_labels` gives, for any partitions, order of rows
        and workers.

    Raises
    ------
    InvalidInput
        As `aggregate_labels`, and for partitions without tasks.

    Notes
    -----
    This process holds the three columns and the result; workers hold the answers of
    their partitions, 40 bytes each.  Partitions lie on workers without a recipe: a
    worker that is lost fails the run.

    Examples
    --------
    >>> found = label_consensus(
    ...     [0, 0, 0, 1, 1, 1], [7, 8, 9, 7, 8, 9], [1, 1, 0, 0, 0, 0],
    ...     n_classes=2, tasks_per_part=1,
    ... )
    >>> found.label.tolist()
    [1, 0]
    """
    if tasks_per_part < 1:
        raise InvalidInput(
            f"label_consensus: tasks_per_part is {tasks_per_part}. Give at least 1."
        )
    columns = checked_answers(task, source, label, n_classes)
    sources = np.unique(columns[1])
    blocks = list(_cut(columns, n_classes, audit or {}, tasks_per_part))
    build = functools.partial(_build, n_classes=n_classes, sources=sources)
    parts: LabelParts
    if client is None:
        parts = PartsHere([build(block) for block in blocks])
    else:
        parts = PartsOnCluster.place(client, blocks, build)
    if asked is not None:
        parts = CountedParts(parts, asked)
    return aggregate_parts(
        parts,
        sources,
        method=method,
        smoothing=smoothing,
        tempering=tempering,
        detect_copies=detect_copies,
        iterations=iterations,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Columns of the answers to some tasks, and which of these tasks are audited."""

    first: int
    known: Ints
    task: Ints
    source: Ints
    label: Ints


def _cut(
    columns: tuple[Ints, Ints, Ints],
    n_classes: int,
    audit: Mapping[int, int],
    size: int,
) -> Iterator[_Block]:
    """Cut answers by ranges of tasks, so that each task lies in one block."""
    tasks, place = np.unique(columns[0], return_inverse=True)
    known = known_classes(tasks, n_classes, audit)
    block = place // size
    order = np.argsort(block, kind="stable")
    blocks = max(-(-tasks.size // size), 1)
    bounds = np.searchsorted(block[order], np.arange(blocks + 1))
    for i in range(blocks):
        rows = order[bounds[i] : bounds[i + 1]]
        task, source, label = (column[rows] for column in columns)
        first = i * size
        yield _Block(first, known[first : first + size], task, source, label)


def _build(block: _Block, *, n_classes: int, sources: Ints) -> LabelPart:
    """Sort and check the answers of a block; on the worker that holds it."""
    rows = label_rows(block.task, block.source, block.label, n_classes, sources=sources)
    return LabelPart(rows, block.known, np.ones(rows.task.size), block.first)


class PartsOnCluster:
    """Partitions in the memory of Dask workers.

    Parameters
    ----------
    client : distributed.Client
    parts : sequence of futures
        Of `stats.label_part.LabelPart`, in the order of their tasks, at least one.
    """

    def __init__(self, client: Client, parts: Sequence[Future[Any]]) -> None:
        self._client, self._parts = client, list(parts)

    @classmethod
    def place(
        cls, client: Client, blocks: Sequence[T], build: Callable[[T], LabelPart]
    ) -> PartsOnCluster:
        """Spread blocks over the workers and build a partition of each there."""
        held = client.scatter(list(blocks), hash=False)
        sent = client.scatter(build, hash=False)
        return cls(client, [_submit(client, sent, block) for block in held])

    def each(self, question: Callable[[LabelPart], T]) -> list[T]:
        """Ask all partitions where they lie."""
        found: list[T] = self._client.gather(self._asked(question))
        return found

    def totals(self, questions: Sequence[Callable[[LabelPart], M]]) -> list[M]:
        """Ask and add up on the workers, all questions at once."""
        roots = [self._merged(self._asked(question)) for question in questions]
        found: list[M] = self._client.gather(roots)
        return found

    def map(self, change: Callable[[LabelPart], LabelPart]) -> PartsOnCluster:
        """Change every partition where it lies."""
        return PartsOnCluster(self._client, self._asked(change))

    def _asked(self, question: Callable[[LabelPart], Any]) -> list[Future[Any]]:
        sent = self._client.scatter(question, hash=False)
        return [_submit(self._client, sent, part) for part in self._parts]

    def _merged(self, level: list[Future[Any]]) -> Future[Any]:
        while len(level) > 1:
            level = [
                self._client.submit(_merge, level[i : i + _FAN_IN], pure=False)
                for i in range(0, len(level), _FAN_IN)
            ]
        return level[0]


def _submit(client: Client, question: Future[Any], about: Future[Any]) -> Future[Any]:
    return client.submit(_ask, question, about, pure=False)


def _ask(question: Callable[[T], M], about: T) -> M:
    return question(about)


def _merge(answers: Sequence[M]) -> M:
    return functools.reduce(lambda total, answer: total.merge(answer), answers)
