"""Progress of an aggregation: passes over the partitions of tasks are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from stats.label_part import LabelPart
from stats.label_parts import LabelParts, Mergeable

__all__ = ["CountedParts"]

T = TypeVar("T")
M = TypeVar("M", bound=Mergeable)


class CountedParts:
    """Partitions that tell how often they were asked.

    Parameters
    ----------
    parts : LabelParts
    asked : callable
        Called after every pass over all partitions.
    """

    def __init__(self, parts: LabelParts, asked: Callable[[], None]) -> None:
        self._parts, self._asked = parts, asked

    def each(self, question: Callable[[LabelPart], T]) -> list[T]:
        """Ask all partitions."""
        found = self._parts.each(question)
        self._asked()
        return found

    def totals(self, questions: Sequence[Callable[[LabelPart], M]]) -> list[M]:
        """Ask all partitions and add up."""
        found = self._parts.totals(questions)
        self._asked()
        return found

    def map(self, change: Callable[[LabelPart], LabelPart]) -> CountedParts:
        """Change every partition; that is no question."""
        return CountedParts(self._parts.map(change), self._asked)
