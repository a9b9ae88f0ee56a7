"""Where partitions of tasks lie, and how all of them are asked the same question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from stats.label_part import LabelPart
from stats.label_rows import LabelRows

__all__ = ["LabelParts", "Mergeable", "PartsHere"]

T = TypeVar("T")


class Mergeable(Protocol):
    """What is added up over partitions, exactly."""

    def merge(self, other: Self) -> Self:
        """Add up both."""
        ...


M = TypeVar("M", bound=Mergeable)


class LabelParts(Protocol):
    """Partitions of tasks in the order of their tasks, at least one, wherever they lie.

    Questions are functions of a partition that can be sent to where it lies.
    """

    def each(self, question: Callable[[LabelPart], T]) -> list[T]:
        """Answers of all partitions, in order."""
        ...

    def totals(self, questions: Sequence[Callable[[LabelPart], M]]) -> list[M]:
        """Sum over partitions of the answers to every question."""
        ...

    def map(self, change: Callable[[LabelPart], LabelPart]) -> Self:
        """Change every partition where it lies."""
        ...


class PartsHere:
    """Partitions in the memory of this process.

    Parameters
    ----------
    parts : sequence of LabelPart
        In the order of their tasks, at least one.
    """

    def __init__(self, parts: Sequence[LabelPart]) -> None:
        self._parts = list(parts)

    @classmethod
    def cut(
        cls, rows: LabelRows, known: NDArray[np.int64], block_tasks: int
    ) -> PartsHere:
        """Cut a table into partitions of at most so many tasks."""
        return cls(
            [
                LabelPart(part, known[tasks], np.ones(part.task.size), tasks.start)
                for tasks in list(rows.blocks(block_tasks)) or [slice(0, 0)]
                for part in [rows.part(tasks)]
            ]
        )

    def each(self, question: Callable[[LabelPart], T]) -> list[T]:
        """Ask one after the other."""
        return [question(part) for part in self._parts]

    def totals(self, questions: Sequence[Callable[[LabelPart], M]]) -> list[M]:
        """Add up, holding one answer beside the sum."""
        found = []
        for question in questions:
            total = question(self._parts[0])
            for part in self._parts[1:]:
                total = total.merge(question(part))
            found.append(total)
        return found

    def map(self, change: Callable[[LabelPart], LabelPart]) -> PartsHere:
        """Change every partition."""
        return PartsHere([change(part) for part in self._parts])
