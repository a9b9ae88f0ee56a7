"""Who is in a shard: ids and teams without the values, to find where an agent lies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from zarr.abc.store import Store

from storage.arrays import open_arrays, run
from storage.errors import Corrupt
from storage.records import ShardRow
from storage.store import BehaviorStore

__all__ = ["ShardNames", "read_names"]

_ARRAYS = ("agent_id", "entity", "team", "team_name")


@dataclass(frozen=True, slots=True, eq=False)
class ShardNames:
    """Names along the agent axis of a shard, in the order in which its rows lie.

    Attributes
    ----------
    agents, entities : str array, shape (agent,)
    team : int32 array, shape (agent,)
        Place in `team_names`.
    team_names : str array, shape (team,)
    """

    agents: NDArray[np.str_]
    entities: NDArray[np.str_]
    team: NDArray[np.int32]
    team_names: NDArray[np.str_]


def read_names(store: BehaviorStore, row: ShardRow) -> ShardNames:
    """Read the ids and teams of a shard; none of its values are touched.

    Parameters
    ----------
    store : BehaviorStore
    row : ShardRow

    Raises
    ------
    NotFound
        When the shard is not in this snapshot.
    Corrupt
        When ids are missing, do not decode, or are not as many as the row says.
    """
    found = run(_read(store.reader, row))
    lengths = [len(found.agents), len(found.entities), len(found.team)]
    if lengths != [row.agents] * 3:
        raise Corrupt(
            f"shard {row.key} version {row.version}: ids, entities and teams are "
            f"{lengths}, expected {row.agents} each. "
            "Run `consilience verify` and have the shard sent again."
        )
    return found


async def _read(store: Store, row: ShardRow) -> ShardNames:
    opened = await open_arrays(store, row.path, _ARRAYS)
    agents, entities, team, names = await asyncio.gather(
        *(opened[name].read() for name in _ARRAYS)
    )
    return ShardNames(agents, entities, team, names)
