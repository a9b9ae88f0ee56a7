"""Open what a store remembers: its commits, its tags, and what each tag added."""

from __future__ import annotations

from collections.abc import Iterator

from icechunk import IcechunkError

from storage.errors import StorageError
from storage.findings import Finding
from storage.released import every_tag
from storage.results import TAGGED
from storage.store import BehaviorStore
from storage.verify_nodes import list_nodes, verify_nodes

__all__ = ["verify_history"]


def verify_history(store: BehaviorStore, *, full: bool = False) -> tuple[Finding, ...]:
    """Read the commits that lead to the snapshot, and every tag.

    Parameters
    ----------
    store : BehaviorStore
    full : bool
        Also open the snapshot of every commit, and list what is in it.

    Returns
    -------
    tuple of Finding
        At each tag, what it holds beyond the tag before it is read whole: the results
        that it was set for.
    """
    return (*_commits(store, full), *_tags(store))


def _commits(store: BehaviorStore, full: bool) -> Iterator[Finding]:
    try:
        commits = store.history()
    except (IcechunkError, ValueError, TypeError) as error:
        said = str(error).strip()[:200]
        yield Finding(store.snapshot, "history", "a history that can be read", said)
        return
    there = set(every_tag(store))
    for commit in commits:
        # Icechunk leaves a tag out whose reference is damaged.
        name = str(commit.metadata.get(TAGGED, ""))
        if name and name not in there:
            yield Finding(name, "tag", f"a tag of snapshot {commit.snapshot}", "none")
    # The first one is Icechunk's own, and empty.
    for commit in commits[:-1] if full else ():
        try:
            list_nodes(store.at(commit.snapshot).reader)
        except (StorageError, IcechunkError, ValueError) as error:
            said = str(error).strip()[:200]
            yield Finding(commit.snapshot, "history", "a snapshot that lists", said)


def _tags(store: BehaviorStore) -> Iterator[Finding]:
    opened: list[tuple[int, str, BehaviorStore]] = []
    for name in store.tags():
        try:
            pinned = store.at(name)
            opened.append((pinned.history()[0].written_at, name, pinned))
        except (StorageError, IcechunkError, ValueError) as error:
            said = str(error).strip()[:200]
            yield Finding(name, "tag", "a snapshot that can be read", said)
    before: set[str] = set()
    for _, name, pinned in sorted(opened, key=lambda item: item[:2]):
        try:
            nodes = list_nodes(pinned.reader)
        except (IcechunkError, ValueError) as error:
            said = str(error).strip()[:200]
            yield Finding(name, "tag", "a snapshot that lists", said)
            continue
        fresh = tuple(p for p in nodes if p.startswith("runs/") and p not in before)
        for found in verify_nodes(pinned.reader, fresh):
            yield Finding(f"{name}: {found.object}", "tag", found.expected, found.found)
        before |= set(nodes)
