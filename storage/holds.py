"""Holds: what is under investigation is never dropped, until somebody lets it go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from icechunk import IcechunkStore
from zarr.abc.store import Store

from storage.arrays import group_attributes, missing_groups, run, write_group
from storage.errors import Conflict, NotFound
from storage.records import ShardRow, check_name
from storage.store import BehaviorStore

__all__ = [
    "Hold",
    "held_by",
    "look_at_holds",
    "place_hold",
    "read_holds",
    "release_hold",
]

_ROOT = "holds"
_LOOKED = "looked"


@dataclass(frozen=True, slots=True)
class Hold:
    """What must not be dropped, why, and who says so.

    Attributes
    ----------
    name : str
        Safe as a path.
    reason, owner : str
    placed_at : int
        Nanoseconds UTC.
    until : int or None
        Nanoseconds UTC at which it ends by itself; None: when it is released.
    sites : tuple of str
        Empty means every site.
    first, last : str
        Nights, both included.
    agents : tuple of str
        Only shards in which one of them is; empty means every shard.

    Raises
    ------
    Rejected
        Reason ``unsafe-name``.
    """

    name: str
    reason: str
    owner: str
    placed_at: int
    until: int | None = None
    sites: tuple[str, ...] = ()
    first: str = "0001-01-01"
    last: str = "9999-12-31"
    agents: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, column="name", source="hold")

    def in_force(self, now: int) -> bool:
        """Whether it holds at a time, nanoseconds UTC."""
        return self.until is None or now < self.until

    def covers(self, row: ShardRow) -> bool:
        """Whether site and night of a shard are held; `agents` are not looked at."""
        here = not self.sites or row.key.site in self.sites
        return here and self.first <= row.key.night <= self.last

    @classmethod
    def from_plain(cls, found: Mapping[str, Any]) -> Self:
        """Restore what was stored."""
        lists = {name: tuple(found[name]) for name in ("sites", "agents")}
        return cls(**{**found, **lists})


def read_holds(store: Store) -> tuple[Hold, ...]:
    """Every hold of a snapshot, sorted by name, also those that have ended.

    Raises
    ------
    Corrupt
        When they cannot be read: nothing may be dropped then.
    """
    attributes = run(_attributes(store))
    return tuple(
        Hold.from_plain(attributes["holds"][name])
        for name in sorted(attributes["holds"])
    )


async def _attributes(store: Store) -> dict[str, Any]:
    if await missing_groups(store, [_ROOT]):
        return {"holds": {}, _LOOKED: 0}
    return await group_attributes(store, _ROOT)


async def _replace(store: IcechunkStore, attributes: Mapping[str, Any]) -> None:
    await write_group(store, _ROOT, attributes, {})


def place_hold(store: BehaviorStore, hold: Hold) -> str:
    """Place a hold; from its commit on nothing that it covers is dropped.

    Raises
    ------
    Conflict
        When there is one of that name.
    """

    def change(holds: dict[str, Any]) -> None:
        if hold.name in holds:
            raise Conflict(
                f"hold {hold.name!r}: exists since {holds[hold.name]['placed_at']}. "
                "Release it first, or choose another name."
            )
        holds[hold.name] = asdict(hold)

    return _change(store, change, f"hold {hold.name}")


def release_hold(store: BehaviorStore, name: str) -> str:
    """Let go of what a hold kept.

    Raises
    ------
    NotFound
        When there is none of that name.
    """

    def change(holds: dict[str, Any]) -> None:
        if name not in holds:
            raise NotFound(
                f"hold {name!r}: does not exist; there are {sorted(holds)}. "
                "See `consilience hold list`."
            )
        del holds[name]

    return _change(store, change, f"release hold {name}")


def _change(
    store: BehaviorStore, change: Callable[[dict[str, Any]], None], message: str
) -> str:
    def write(session: IcechunkStore) -> None:
        attributes = run(_attributes(session))
        change(attributes["holds"])
        run(_replace(session, attributes))

    return store.commit(write, message)


def look_at_holds(session: IcechunkStore) -> tuple[Hold, ...]:
    """Read the holds in a transaction that drops, so that no new one slips past it.

    The same group is rewritten, so a hold that is committed meanwhile collides with
    this transaction, which then looks again.
    """
    attributes = run(_attributes(session))
    looked = {**attributes, _LOOKED: int(attributes[_LOOKED]) + 1}
    run(_replace(session, looked))
    return read_holds(session)


def held_by(
    row: ShardRow,
    holds: Iterable[Hold],
    now: int,
    agents_of: Callable[[ShardRow], frozenset[str]],
) -> str:
    """Name of a hold in force that keeps a shard; empty when nothing does.

    Parameters
    ----------
    row : ShardRow
    holds : iterable of Hold
    now : int
        Nanoseconds UTC.
    agents_of : callable
        Names of the agents of a shard; asked only where a hold names agents.
    """
    for hold in holds:
        if not hold.in_force(now) or not hold.covers(row):
            continue
        if not hold.agents or agents_of(row) & set(hold.agents):
            return hold.name
    return ""
