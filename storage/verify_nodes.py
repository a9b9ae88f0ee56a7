"""Read every group and array of a snapshot beside the shards; hold it to its seal."""

from __future__ import annotations

from collections.abc import Iterator

from icechunk import IcechunkError
from zarr.abc.store import Store

from storage.arrays import group_attributes, open_arrays, run
from storage.digests import CONTENT, arrays_digest, bytes_digest
from storage.errors import NotFound, StorageError
from storage.findings import Finding
from storage.integrity import Progress
from storage.results import KEPT_BY_STORE

__all__ = ["list_nodes", "verify_nodes"]

_DOCUMENT = "/zarr.json"
_NAMES = KEPT_BY_STORE[0]
_STATE = "state"


def list_nodes(store: Store) -> tuple[str, ...]:
    """Paths of all groups and arrays of a snapshot, sorted; the root is left out.

    Raises
    ------
    icechunk.IcechunkError
        When the snapshot cannot be listed.
    """

    async def work() -> list[str]:
        return [
            key.removesuffix(_DOCUMENT)
            async for key in store.list_prefix("")
            if key.endswith(_DOCUMENT)
        ]

    return tuple(sorted(run(work())))


def verify_nodes(
    store: Store,
    paths: tuple[str, ...] | None = None,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """Look for damage in documents, summaries and results.

    Parameters
    ----------
    store : zarr store
        Of a snapshot.
    paths : tuple of str, optional
        Groups and arrays to look at; None takes all of the snapshot.  Of shards only
        the documents are read: `storage.integrity.verify` reads their arrays.
    progress : callable, optional
        Told after every node.

    Returns
    -------
    tuple of Finding
        Every array is read whole, a group that states a hash of its content is hashed.
    """
    try:
        listed = list_nodes(store)
    except (IcechunkError, ValueError) as error:
        said = str(error).strip()[:200]
        return (Finding("/", "history", "a snapshot that lists", said),)
    asked = listed if paths is None else paths
    known = set(listed)
    findings: list[Finding] = []
    for done, path in enumerate(asked, 1):
        findings += _node(store, path, known)
        if progress is not None:
            progress(done, len(asked))
    return tuple(findings)


def _node(store: Store, path: str, known: set[str]) -> Iterator[Finding]:
    try:
        attributes = run(group_attributes(store, path))
    except StorageError as error:
        yield Finding(path, "document", "a document as it was written", str(error))
        return
    if path.startswith(("summaries/", "runs/", "keys/")):
        children = _arrays(path, attributes, known)
        if children:
            yield from _content(store, path, children, attributes.get(CONTENT))


def _arrays(
    path: str, attributes: dict[str, object], known: set[str]
) -> tuple[str, ...]:
    """Names of the arrays that a group has or says it has."""
    said = attributes.get(_NAMES)
    if isinstance(said, list):
        return tuple(str(name) for name in said)
    return (_STATE,) if f"{path}/{_STATE}" in known else ()


def _content(
    store: Store, path: str, names: tuple[str, ...], stated: object
) -> Iterator[Finding]:
    check = "summary" if path.startswith("summaries/") else "result"
    try:
        opened = run(open_arrays(store, path, names))
        arrays = {name: run(item.read()) for name, item in opened.items()}
    except NotFound as error:
        yield Finding(path, check, f"arrays {', '.join(names)}", str(error))
        return
    except StorageError as error:
        yield Finding(path, check, "chunks that decode", str(error))
        return
    if stated is None:
        return
    whole = arrays.get(_STATE) if check == "summary" else None
    found = arrays_digest(arrays) if whole is None else bytes_digest(whole.tobytes())
    if found != stated:
        yield Finding(path, check, f"content {str(stated)[:12]}", found[:12])
