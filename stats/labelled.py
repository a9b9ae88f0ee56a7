"""Give the groups of a summary names, so that blocks with other groups still merge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from stats.summary import InvalidInput, Summary, merge_all, pack

__all__ = ["Grouped", "Labelled", "join"]


class Grouped(Summary, Protocol):
    """A summary whose state has a leading group axis."""

    @property
    def n_groups(self) -> int:
        """Length of the group axis."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave."""
        ...

    def rollup(self, parent: NDArray[np.int64], n_parents: int) -> Self:
        """Add up groups: group i goes to `parent[i]`."""
        ...


G = TypeVar("G", bound=Grouped)


def join(items: Sequence[G], parents: Sequence[NDArray[np.int64]], n_groups: int) -> G:
    """Add up groups of many summaries: group i of item k goes to ``parents[k][i]``.

    Equal to rolling up each and merging; a class with its own `join` does it without
    states padded to all groups.
    """
    own = getattr(type(items[0]), "join", None)
    if own is not None:
        joined: G = own(items, parents, n_groups)
        return joined
    pairs = zip(items, parents, strict=True)
    return merge_all([item.rollup(parent, n_groups) for item, parent in pairs])


@dataclass(frozen=True, slots=True)
class Labelled(Generic[G]):
    """A grouped summary whose groups carry names; merging joins groups by name.

    Attributes
    ----------
    labels : tuple of str, length n_groups
        Sorted, unique.  Shards hold other teams and agents every night: names decide
        which groups belong together, never positions.
    groups : Grouped
        The summary; group i is named ``labels[i]``.

    Notes
    -----
    A merge aligns both sides to the sorted union of their labels with `rollup` and
    merges there, so every law of the inner class carries over.

    Raises
    ------
    InvalidInput
        When labels are unsorted, repeated, or not one per group.
    """

    labels: tuple[str, ...]
    groups: G

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if len(self.labels) != self.groups.n_groups:
            raise InvalidInput(
                f"Labelled: {len(self.labels)} labels for {self.groups.n_groups} "
                "groups. Give one label per group."
            )
        if any(a >= b for a, b in zip(self.labels, self.labels[1:], strict=False)):
            raise InvalidInput(
                "Labelled: labels are not sorted and unique. Sort them with the groups."
            )

    def __repr__(self) -> str:
        return f"Labelled: groups={len(self.labels)} | {self.groups!r}"

    @property
    def n_groups(self) -> int:
        """Number of named groups."""
        return len(self.labels)

    def align(self, labels: tuple[str, ...]) -> G:
        """Return the summary with its group axis in the order of `labels`.

        Labels that this summary has not seen give empty groups.

        Raises
        ------
        InvalidInput
            When a label of this summary is not among `labels`.
        """
        if labels == self.labels:
            return self.groups
        place = {label: i for i, label in enumerate(labels)}
        missing = [label for label in self.labels if label not in place]
        if missing:
            raise InvalidInput(
                f"Labelled.align: {len(missing)} labels, first {missing[0]!r}, are not "
                f"among the {len(labels)} asked for. Align to a superset."
            )
        parent = np.array([place[label] for label in self.labels], dtype=np.int64)
        return self.groups.rollup(parent, len(labels))

    def empty(self) -> Self:
        """Nothing seen, no groups."""
        none = self.groups.rollup(np.full(self.n_groups, -1, dtype=np.int64), 0)
        return type(self)((), none)

    def merge(self, other: Self) -> Self:
        """Join by label."""
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        union = tuple(sorted(set().union(*(item.labels for item in many))))
        place = {label: i for i, label in enumerate(union)}
        parents = [
            np.array([place[label] for label in item.labels], dtype=np.int64)
            for item in many
        ]
        return cls(union, join([item.groups for item in many], parents, len(union)))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State of the groups plus ``labels``, JSON in UTF-8 bytes."""
        text = json.dumps(list(self.labels), ensure_ascii=False, separators=(",", ":"))
        labels = np.frombuffer(text.encode(), dtype=np.uint8)
        return {"labels": labels, **self.groups.to_arrays()}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], inner: type[G] | None = None
    ) -> Labelled[G]:
        """Restore; `inner` is the class of the groups.

        Raises
        ------
        InvalidInput
            When `inner` is not given or the arrays do not fit it.
        """
        if inner is None:
            raise InvalidInput(
                "Labelled.from_arrays: the class of the groups is not known. "
                "Pass inner=, for example GroupMoments."
            )
        rest = {key: value for key, value in arrays.items() if key != "labels"}
        labels = json.loads(np.asarray(arrays["labels"]).tobytes().decode())
        return Labelled(tuple(labels), inner.from_arrays(rest))

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        state = pack(self.to_arrays(), kind="Labelled", version=self.state_version)
        return hashlib.sha256(state).hexdigest()
