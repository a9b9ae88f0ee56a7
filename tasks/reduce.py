"""One tree reduction for every statistic: read, decode and summarise in one task.

Only summaries travel between workers.  Nothing here imports prefect, so Dask workers
start fast and small.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar, cast

import dask.threaded
from dask.local import get_sync
from distributed import Client, Future, as_completed

from stats.summary import InvalidInput, Summary, merge_all

__all__ = ["ProgressCallback", "tree_reduce", "tree_reduce_many"]

B = TypeVar("B")
S = TypeVar("S", bound=Summary)
K = TypeVar("K", bound=Hashable)
_LEAF = "summarize-"


class ProgressCallback(Protocol):
    """Told how many of how many parts are done."""

    def __call__(self, done: int, total: int) -> None:
        """Report progress."""
        ...


def tree_reduce(
    blocks: Sequence[B],
    summarize: Callable[[B], S],
    *,
    client: Client | None = None,
    threads: int | None = None,
    split_every: int = 16,
    progress: ProgressCallback | None = None,
) -> S:
    """Summarise every block and merge the summaries over a tree.

    Parameters
    ----------
    blocks : sequence
        Small picklable descriptions of what to read, one Dask task each.
    summarize : callable
        Reads one block and returns its Summary; runs on a worker.
    client : distributed.Client, optional
        Where to run; None runs in this process, one block after the other.
    threads : int, optional
        Without a client, run blocks on so many threads of this process.
    split_every : int
        How many summaries one merge takes, at least 2.
    progress : ProgressCallback, optional
        Told how many blocks are summarised: each, or on a cluster each first merge.

    Returns
    -------
    Summary
        For exact summaries the bits do not depend on blocks, order, fan-in or workers.

    Raises
    ------
    InvalidInput
        For no blocks, or a fan-in below 2.
    """
    _check({"all": blocks}, split_every)
    graph, roots = _graph({"all": blocks}, summarize, split_every)
    root = roots["all"]
    if client is not None:
        watched = {} if progress is None else _first_merges(graph, len(blocks))
        return cast("S", _run_watched(client, graph, root, watched, progress))
    watch = None if progress is None else [_leaf_counter(len(blocks), progress)]
    if threads is None:
        return cast("S", get_sync(graph, root, callbacks=watch))
    with ThreadPoolExecutor(threads) as pool:
        return cast("S", dask.threaded.get(graph, root, pool=pool, callbacks=watch))


def tree_reduce_many(
    blocks: Mapping[K, Sequence[B]],
    summarize: Callable[[B], S],
    *,
    client: Client | None = None,
    split_every: int = 16,
    on_result: Callable[[K, S], None] | None = None,
    progress: ProgressCallback | None = None,
) -> dict[K, S]:
    """Run one tree reduction per key; on a cluster all of them in one Dask graph.

    Parameters
    ----------
    blocks : mapping of key to blocks
        Keys are labels for the caller; each has at least one block.
    summarize, client, split_every
        As in `tree_reduce`.
    on_result : callable, optional
        Called with key and summary as each reduction finishes, in completion order:
        the place to write checkpoints.
    progress : ProgressCallback, optional

    Returns
    -------
    dict of key to Summary
        In the order of `blocks`, whatever finished first.

    Raises
    ------
    InvalidInput
        For a key without blocks, or a fan-in below 2.
    """
    _check(blocks, split_every)
    if not blocks:
        return {}
    found: dict[K, S] = {}

    def collect(key: K, summary: S) -> None:
        found[key] = summary
        if on_result is not None:
            on_result(key, summary)
        if progress is not None:
            progress(len(found), len(blocks))

    if client is None:
        for key, parts in blocks.items():
            # Each call orders the whole graph it is given.
            graph, roots = _graph({key: parts}, summarize, split_every)
            collect(key, cast("S", get_sync(graph, roots[key])))
    else:
        graph, roots = _graph(blocks, summarize, split_every)
        _run(client, graph, roots, collect)
    return {key: found[key] for key in blocks}


def _check(blocks: Mapping[K, Sequence[B]], split_every: int) -> None:
    if split_every < 2:
        raise InvalidInput(
            f"tree_reduce: split_every is {split_every}. Use at least 2."
        )
    hollow = [key for key, parts in blocks.items() if not parts]
    if hollow:
        raise InvalidInput(
            f"tree_reduce: {hollow[0]!r} has no blocks. "
            "Leave keys without data out, or give an empty summary yourself."
        )


def _graph(
    blocks: Mapping[K, Sequence[B]], summarize: Callable[[B], S], split_every: int
) -> tuple[dict[str, Any], dict[K, str]]:
    """Build the graph: leaf tasks, then merges of `split_every`, one root per key."""
    token = uuid.uuid4().hex
    graph: dict[str, Any] = {}
    roots: dict[K, str] = {}
    for i, (key, parts) in enumerate(blocks.items()):
        level: list[str] = []
        for j, block in enumerate(parts):
            name = f"{_LEAF}{token}-{i}-{j}"
            graph[name] = (functools.partial(summarize, block),)
            level.append(name)
        depth = 0
        while len(level) > 1:
            depth += 1
            merged: list[str] = []
            for start in range(0, len(level), split_every):
                name = f"merge-{token}-{i}-{depth}-{start}"
                graph[name] = (merge_all, level[start : start + split_every])
                merged.append(name)
            level = merged
        roots[key] = level[0]
    return graph, roots


def _run(
    client: Client,
    graph: dict[str, Any],
    roots: Mapping[K, str],
    collect: Callable[[K, S], None],
) -> None:
    """Run the graph on the cluster and hand over each root as it finishes."""
    keys = list(roots)
    futures = client.get(graph, [roots[key] for key in keys], sync=False)
    names = {future.key: key for future, key in zip(futures, keys, strict=True)}
    try:
        for future, summary in as_completed(
            futures, loop=client.loop, with_results=True
        ):
            collect(names[future.key], cast("S", summary))
            future.release()
    finally:
        _cancel_pending(client, futures)


def _leaf_counter(
    total: int, progress: ProgressCallback
) -> tuple[None, None, None, Callable[..., None], None]:
    """Report every summarised block of a run in this process: Dask's five callbacks."""
    done = 0

    def finished(key: str, *rest: object) -> None:
        del rest
        nonlocal done
        if key.startswith(_LEAF):
            done += 1
            progress(done, total)

    return (None, None, None, finished, None)


def _first_merges(graph: dict[str, Any], total: int) -> dict[str, int]:
    """Merges of blocks and how many each takes; the block itself where it is alone."""
    found = {
        name: len(task[1])
        for name, task in graph.items()
        if len(task) == 2 and task[1][0].startswith(_LEAF)
    }
    alone = set(graph) if total == 1 else set()
    return found | dict.fromkeys(alone, 1)


def _run_watched(
    client: Client,
    graph: dict[str, Any],
    root: str,
    watched: Mapping[str, int],
    progress: ProgressCallback | None,
) -> Any:
    """Run on the cluster, reporting each of the watched tasks as it finishes."""
    keys = [*(key for key in watched if key != root), root]
    futures = client.get(graph, keys, sync=False)
    total, done = sum(watched.values()), 0
    try:
        for future in as_completed(futures, loop=client.loop):
            if future.status != "finished":
                break
            done += watched.get(future.key, 0)
            if progress is not None and future.key in watched:
                progress(done, total)
            if future.key != root:
                future.release()
        return futures[-1].result()
    finally:
        _cancel_pending(client, futures)


def _cancel_pending(client: Client, futures: list[Future[Any]]) -> None:
    """Drop what an error left undone.

    Only that: the scheduler ends the connection of a client that cancels a key which
    it has released.
    """
    pending = [future for future in futures if future.status == "pending"]
    if pending:
        client.cancel(pending)
