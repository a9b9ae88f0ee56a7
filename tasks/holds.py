"""Holds of a home folder: place, list and release them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from storage.holds import Hold, place_hold, read_holds, release_hold
from storage.key_registry import moment
from storage.store import BehaviorStore
from tasks.keys import Answer

__all__ = ["add_hold", "end_hold", "list_holds"]

_COLUMNS = ("hold", "sites", "nights", "agents", "owner", "ends", "reason")


def add_hold(home: Path, hold: Hold) -> Answer:
    """Place a hold.

    Raises
    ------
    NotFound, Conflict, Locked
    """
    store = BehaviorStore.open(str(home / "store"), "a")
    snapshot = place_hold(store, hold)
    held = sum(hold.covers(row) for row in store.shards())
    lines = (f"Hold {hold.name} keeps what it covers of {held:,} shards from now on.",)
    return Answer({"hold": asdict(hold), "snapshot": snapshot, "shards": held}, lines)


def end_hold(home: Path, name: str) -> Answer:
    """Release a hold.

    Raises
    ------
    NotFound, Locked
    """
    store = BehaviorStore.open(str(home / "store"), "a")
    snapshot = release_hold(store, name)
    return Answer({"released": name, "snapshot": snapshot}, (f"Released {name}.",))


def list_holds(home: Path, *, now: int) -> Answer:
    """List every hold of a store.

    Raises
    ------
    NotFound, Corrupt
    """
    store = BehaviorStore.open(str(home / "store"))
    holds = read_holds(store.reader)
    rows = tuple(_row(hold, now) for hold in holds)
    lines = () if rows else ("Nothing is held.",)
    return Answer({"holds": [asdict(h) for h in holds]}, lines, _COLUMNS, rows)


def _row(hold: Hold, now: int) -> tuple[str, ...]:
    end = "when released" if hold.until is None else moment(hold.until)
    return (
        hold.name,
        ", ".join(hold.sites) or "all",
        f"{hold.first} to {hold.last}",
        ", ".join(hold.agents) or "all",
        hold.owner,
        end if hold.in_force(now) else f"ended {end}",
        hold.reason,
    )
