"""A sum of many named summaries from which any of them can be taken out again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.labelled import Labelled
from stats.summary import Incompatible, InvalidInput, pack
from stats.window_sums import WindowSums

__all__ = ["RolledUp"]

Part = Labelled[WindowSums]


@dataclass(frozen=True, slots=True, eq=False)
class RolledUp:
    """The sum of a set of summaries, by group, that changes with the set.

    Attributes
    ----------
    labels : tuple of str, length g
        Sorted: every group that at least one summary of the set names.
    members : int64 array, shape (g,)
        How many summaries of the set name each group.
    groups : WindowSums, (g, d)

    Notes
    -----
    `change` costs one merge per summary that enters or leaves and touches no other.
    A group goes when its last member has left, so that the state has the bytes of one
    that never held it.  Smallest and largest values cannot be subtracted: groups
    that may have lost theirs are `unknown`, and `fold_again` reads them off the members
    of those groups alone.  Naive twin: the fold of all, tests/stats/test_rolled_up.py.
    """

    labels: tuple[str, ...]
    members: NDArray[np.int64]
    groups: WindowSums

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def fold(cls, parts: Sequence[Part]) -> Self:
        """Add up summaries from nothing.

        Raises
        ------
        InvalidInput
            For no summary at all: not even the features are known then.
        """
        if not parts:
            raise InvalidInput("RolledUp.fold: nothing to add. Give a summary or more.")
        labels, parents = _union(parts, ())
        return cls(
            labels,
            _members(parents, len(labels)),
            WindowSums.join([part.groups for part in parts], parents, len(labels)),
        )

    def __repr__(self) -> str:
        return f"RolledUp: groups={len(self.labels)} | {self.groups!r}"

    @property
    def named(self) -> Part:
        """The same as a named summary, without the counts of members."""
        return Labelled(self.labels, self.groups)

    def change(self, out: Sequence[Part], into: Sequence[Part]) -> Self:
        """Take summaries out and add others.

        Parameters
        ----------
        out : sequence of Labelled[WindowSums]
            Each of them was added before and not taken out since.
        into : sequence of Labelled[WindowSums]

        Returns
        -------
        RolledUp
            Exact but for the extremes of groups that are `unknown` now.

        Raises
        ------
        stats.summary.Incompatible
            When `out` was not part of this, or features differ.
        """
        if not out and not into:
            return self
        labels, (own, *parents) = _union([self.named, *into], self.labels)
        groups = WindowSums.join(
            [self.groups, *(part.groups for part in into)], [own, *parents], len(labels)
        )
        members = _members(parents, len(labels))
        members[own] += self.members
        if out:
            taken, leaving = self._leaving(labels, out)
            members -= leaving
            groups = groups.subtract(taken)
        if (members < 0).any():
            raise _never_held(labels[int(np.argmin(members))])
        return type(self)(labels, members, groups)._without_empty()

    def _leaving(
        self, labels: tuple[str, ...], out: Sequence[Part]
    ) -> tuple[WindowSums, NDArray[np.int64]]:
        """Add up what leaves, in the order of `labels`."""
        place = {label: i for i, label in enumerate(labels)}
        for part in out:
            strangers = [label for label in part.labels if label not in place]
            if strangers:
                raise _never_held(strangers[0])
        parents = [_places(part.labels, place) for part in out]
        groups = WindowSums.join([part.groups for part in out], parents, len(labels))
        return groups, _members(parents, len(labels))

    def _without_empty(self) -> Self:
        kept = self.members > 0
        if kept.all():
            return self
        n = int(kept.sum())
        parent = np.where(kept, np.cumsum(kept) - 1, -1)
        names = tuple(n for n, held in zip(self.labels, kept, strict=True) if held)
        return type(self)(names, self.members[kept], self.groups.rollup(parent, n))

    def unknown(self) -> tuple[str, ...]:
        """Groups whose smallest or largest value has to be folded again."""
        lost = np.flatnonzero(self.groups.unknown())
        return tuple(self.labels[i] for i in lost)

    def fold_again(self, parts: Sequence[Part]) -> Self:
        """Restore the extremes of unknown groups.

        Parameters
        ----------
        parts : sequence of Labelled[WindowSums]
            Every member of the unknown groups, or sums of those that are left; other
            groups of them are not looked at.

        Raises
        ------
        stats.summary.Incompatible
            When a group has no member among them.
        """
        lost = {label: self.labels.index(label) for label in self.unknown()}
        parents = [_places(part.labels, lost) for part in parts]
        here = _members(parents, len(self.labels))
        absent = [label for label, i in lost.items() if not here[i]]
        if absent:
            raise Incompatible(
                f"RolledUp.fold_again: no member of group {absent[0]!r} is among the "
                f"{len(parts)} given. Give every summary that names the group."
            )
        if not lost:
            return self
        groups = self.groups.with_extremes([part.groups for part in parts], parents)
        return type(self)(self.labels, self.members, groups)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State of the groups, ``members``, and ``labels`` as JSON in UTF-8 bytes."""
        text = json.dumps(list(self.labels), ensure_ascii=False, separators=(",", ":"))
        labels = np.frombuffer(text.encode(), dtype=np.uint8)
        return {"labels": labels, "members": self.members, **self.groups.to_arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When an array is missing.
        """
        if "labels" not in arrays or "members" not in arrays:
            raise InvalidInput(
                f"RolledUp.from_arrays: arrays {sorted(arrays)} without labels or "
                "members. Compute the state again."
            )
        labels = json.loads(np.asarray(arrays["labels"]).tobytes().decode())
        members = np.asarray(arrays["members"], dtype=np.int64)
        return cls(tuple(labels), members, WindowSums.from_arrays(arrays))

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        state = pack(self.to_arrays(), kind="RolledUp", version=self.state_version)
        return hashlib.sha256(state).hexdigest()


def _union(
    parts: Sequence[Part], known: tuple[str, ...]
) -> tuple[tuple[str, ...], list[NDArray[np.int64]]]:
    """Sorted union of all labels, and the place of each part's labels in it."""
    new = set().union(*(part.labels for part in parts)) - set(known)
    labels = tuple(sorted({*known, *new})) if new else known
    place = {label: i for i, label in enumerate(labels)}
    return labels, [_places(part.labels, place) for part in parts]


def _places(labels: Sequence[str], place: Mapping[str, int]) -> NDArray[np.int64]:
    return np.array([place.get(label, -1) for label in labels], dtype=np.int64)


def _members(parents: Sequence[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """How many of the parents name each of `n` groups."""
    held = np.concatenate([np.zeros(0, dtype=np.int64), *parents])
    return np.bincount(held[held >= 0], minlength=n).astype(np.int64)


def _never_held(label: str) -> Incompatible:
    return Incompatible(
        f"RolledUp.change: group {label!r} does not hold what is to be taken out. "
        "Take out only what was added before."
    )
