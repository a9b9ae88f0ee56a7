"""What retention dropped of a shard: a mark beside its ledger row, never a guess."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from zarr.abc.store import Store

from storage.arrays import group_attributes, missing_groups, run
from storage.records import ShardRow

__all__ = ["Dropped", "dropped_paths", "mark_path", "read_mark"]

_MARK = "dropped"


@dataclass(frozen=True, slots=True)
class Dropped:
    """That arrays of a shard were dropped, when, and by which rule.

    Attributes
    ----------
    arrays : tuple of str
        Those that are gone.
    at : int
        Nanoseconds UTC.
    tier : str
        Rule that said so.
    n_bytes : int
        What they took, compressed.
    """

    arrays: tuple[str, ...]
    at: int
    tier: str
    n_bytes: int

    def to_attributes(self) -> dict[str, Any]:
        """Plain values for the mark."""
        return {
            "arrays": list(self.arrays),
            "at": self.at,
            "tier": self.tier,
            "bytes": self.n_bytes,
        }

    @classmethod
    def from_attributes(cls, found: dict[str, Any]) -> Self:
        """Restore what `to_attributes` gave."""
        arrays = tuple(str(name) for name in found["arrays"])
        return cls(arrays, int(found["at"]), str(found["tier"]), int(found["bytes"]))


def mark_path(row: ShardRow) -> str:
    """Group that says what of a shard was dropped."""
    return f"{row.path}/{_MARK}"


async def read_mark(store: Store, row: ShardRow) -> Dropped | None:
    """Read the mark of a shard; None when nothing of it was dropped.

    Raises
    ------
    Corrupt
        When the mark is damaged.
    """
    path = mark_path(row)
    if await missing_groups(store, [path]):
        return None
    return Dropped.from_attributes(await group_attributes(store, path))


def dropped_paths(store: Store, rows: Iterable[ShardRow]) -> frozenset[str]:
    """Paths of those of `rows` that have a mark."""
    held = list(rows)
    absent = set(run(missing_groups(store, [mark_path(row) for row in held])))
    return frozenset(row.path for row in held if mark_path(row) not in absent)
