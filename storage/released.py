"""What was let go of: a register on the main line, so that names are never lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from icechunk import IcechunkStore
from zarr.abc.store import Store

from storage.arrays import group_attributes, missing_groups, run, write_group
from storage.ledger import SHARDS_TOTAL
from storage.store import BehaviorStore

__all__ = ["every_tag", "note_released", "released_tags"]

_ROOT = "retention"


def released_tags(store: BehaviorStore) -> dict[str, str]:
    """Tags that retention deleted, and the snapshots they had."""
    found: dict[str, str] = run(_attributes(store.reader))["released"]
    return found


def every_tag(store: BehaviorStore) -> tuple[str, ...]:
    """Names of tags that are there and of those that were released, sorted."""
    return tuple(sorted({*store.tags(), *released_tags(store)}))


def note_released(store: BehaviorStore, tags: Mapping[str, str]) -> str:
    """Note that tags will be deleted; also starts the count of shards anew.

    Returns
    -------
    str
        Snapshot whose history may be cut off below it.
    """

    def write(session: IcechunkStore) -> None:
        attributes = run(_attributes(session))
        released = {**attributes["released"], **tags}
        run(_replace(session, released, int(attributes["runs"]) + 1))

    total = {"n": len(store.refresh().rows()), "at": store.snapshot}
    message = f"retention: {len(tags)} tags are let go"
    return store.commit(write, message, {SHARDS_TOTAL: total})


async def _attributes(store: Store) -> dict[str, Any]:
    if await missing_groups(store, [_ROOT]):
        return {"released": {}, "runs": 0}
    return await group_attributes(store, _ROOT)


async def _replace(store: IcechunkStore, released: dict[str, str], runs: int) -> None:
    await write_group(store, _ROOT, {"released": released, "runs": runs}, {})
