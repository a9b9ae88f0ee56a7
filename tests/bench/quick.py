"""Count the work of a pass instead of timing it: equal on every machine."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import stats.summary
import storage.chunk_store
import tasks.array_pass
import tasks.reduce
from tests.bench.engine import Pass, exact


@dataclass
class Work:
    """What one pass did.

    Attributes
    ----------
    reads : Counter of str
        How often every object was read, by its key.
    bytes_read : int
        Of stored objects.
    summaries : int
        Chunks that were summarised.
    merge_tasks : int
    merges : int
        Summaries merged into another one: a merge task of k counts k - 1.
    digest : str
        Of the result at team level.
    """

    reads: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    summaries: int = 0
    merge_tasks: int = 0
    merges: int = 0
    digest: str = ""

    @property
    def tasks(self) -> int:
        return self.summaries + self.merge_tasks


def count(run: Pass) -> Work:
    """Make one pass at team level and count."""
    work = Work()
    with _watched(work):
        work.digest = run.teams(exact).digest()
    return work


def stored(path: Path) -> dict[str, int]:
    """Bytes of every chunk of an array, by its key."""
    return {
        str(file.relative_to(path)): file.stat().st_size
        for file in (path / "c").rglob("*")
        if file.is_file()
    }


@contextlib.contextmanager
def _watched(work: Work) -> Iterator[None]:
    read = storage.chunk_store._Folder.get
    merge = stats.summary.merge_all
    one_chunk = tasks.array_pass._one_chunk

    def get(store: Any, key: str) -> Any:
        found = read(store, key)
        if found is not None and not key.endswith("zarr.json"):
            work.reads[key] += 1
            work.bytes_read += len(found)
        return found

    def merge_all(items: Any) -> Any:
        held = list(items)
        work.merge_tasks += 1
        work.merges += len(held) - 1
        return merge(held)

    def summarize(*block: Any, **named: Any) -> Any:
        work.summaries += 1
        return one_chunk(*block, **named)

    with (
        patch.object(storage.chunk_store._Folder, "get", get),
        patch.object(tasks.reduce, "merge_all", merge_all),
        patch.object(tasks.array_pass, "_one_chunk", summarize),
    ):
        yield
