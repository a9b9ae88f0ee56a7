"""What one store tells another: digests, the rows the other lacks, and packs.

Questions and answers are JSON, so the same code serves a store in this process and one
behind a line, and what is counted as sent is the same.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.errors import Corrupt, NotFound, Rejected, StorageError
from storage.key_store import read_keys, registry_to_json
from storage.packs import Pack, open_pack
from storage.records import ShardKey, ShardRow
from storage.store import BehaviorStore

__all__ = [
    "FORM",
    "QUESTIONS",
    "Exchange",
    "Night",
    "Site",
    "identity",
    "night_digests",
    "night_of",
    "site_digests",
]

Site = tuple[str, str]
Night = tuple[str, str, str]

FORM = 1
"""Version of questions and answers."""
QUESTIONS = ("overview", "keys", "nights", "offers")


def identity(row: ShardRow) -> str:
    """Name of a shard version with its content, 32 hexadecimal digits."""
    text = f"{row.key}/{row.version}/{row.sha256}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest_of(identities: Iterable[str]) -> str:
    """Digest of a set of identities, 32 hexadecimal digits."""
    text = "\n".join(sorted(identities))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def site_digests(rows: Iterable[ShardRow]) -> dict[Site, str]:
    """Digest of what is known of each (dataset, site)."""
    found: dict[Site, list[str]] = {}
    for row in rows:
        found.setdefault((row.key.dataset, row.key.site), []).append(identity(row))
    return {site: digest_of(names) for site, names in sorted(found.items())}


def night_digests(rows: Iterable[ShardRow]) -> dict[Night, str]:
    """Digest of what is known of each (dataset, site, night)."""
    found: dict[Night, list[str]] = {}
    for row in rows:
        found.setdefault(night_of(row), []).append(identity(row))
    return {night: digest_of(names) for night, names in sorted(found.items())}


def night_of(row: ShardRow) -> Night:
    """(dataset, site, night) of a shard."""
    return row.key.dataset, row.key.site, row.key.night


@dataclass(frozen=True, slots=True)
class _State:
    """Ledger rows of a snapshot, found by identity."""

    store: BehaviorStore
    rows: tuple[ShardRow, ...]
    by_identity: Mapping[str, ShardRow] = field(repr=False)


class Exchange:
    """Answers the questions of other stores; several threads may ask at once.

    Parameters
    ----------
    url : str
        Of a store; it is opened for reading and always answered as it is now.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._refresh()

    def _refresh(self) -> _State:
        with self._lock:
            store = BehaviorStore.open(self.url, "r")
            state = self._state
            if state is None or state.store.snapshot != store.snapshot:
                rows = store.rows()
                state = _State(store, rows, {identity(row): row for row in rows})
                self._state = state
            return state

    def answer(self, question: str, body: bytes = b"{}") -> bytes:
        """Answer one of `QUESTIONS` in JSON.

        Raises
        ------
        NotFound
            For a question that does not exist.
        StorageError
            For a body that is malformed, and as reading the store raises.
        """
        answers: dict[str, Callable[[_State, dict[str, Any]], Any]] = {
            "overview": _overview,
            "keys": _keys,
            "nights": _nights,
            "offers": _offers,
        }
        if question not in answers:
            raise NotFound(
                f"exchange: no question {question[:64]!r}. Ask {', '.join(QUESTIONS)}."
            )
        try:
            asked = json.loads(body)
            found = answers[question](self._refresh(), asked)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StorageError(
                f"exchange: the question {question!r} is malformed ({error!r}). "
                "Use the same version of consilience on both sides."
            ) from error
        return json.dumps(found, separators=(",", ":")).encode()

    def pack(self, name: str) -> Pack:
        """Find the bytes of the shard version with an identity.

        Raises
        ------
        NotFound
            When there is none.
        Corrupt
            When it is damaged.
        """
        state = self._state or self._refresh()
        if name not in state.by_identity:
            state = self._refresh()
        row = state.by_identity.get(name)
        if row is None:
            raise NotFound(
                f"store {self.url}: no shard version {name[:64]!r}. Ask again for what "
                "is on offer."
            )
        return open_pack(state.store.reader, row)


def _overview(state: _State, _: dict[str, Any]) -> dict[str, Any]:
    sites = site_digests(state.rows)
    return {
        "form": FORM,
        "snapshot": state.store.snapshot,
        "schema": state.store.schema.to_json(),
        "rows_per_chunk": state.store.rows_per_chunk,
        "shards": len(state.rows),
        "sites": [[*site, digest] for site, digest in sites.items()],
    }


def _keys(state: _State, _: dict[str, Any]) -> dict[str, Any]:
    return {"registry": registry_to_json(read_keys(state.store))}


def _nights(state: _State, asked: dict[str, Any]) -> dict[str, Any]:
    wanted = {(str(dataset), str(site)) for dataset, site in asked["sites"]}
    rows = (row for row in state.rows if (row.key.dataset, row.key.site) in wanted)
    found = night_digests(rows).items()
    return {"nights": [[*night, digest] for night, digest in found]}


def _offers(state: _State, asked: dict[str, Any]) -> dict[str, Any]:
    wanted = {_place(entry) for entry in asked["nights"]}
    known = set(asked["known"])
    return {
        "offers": [
            {"row": row.to_attributes(), **_size(state, row)}
            for name, row in state.by_identity.items()
            if night_of(row) in wanted and name not in known
        ]
    }


def _place(entry: Sequence[str]) -> Night:
    dataset, site, night = entry
    try:
        ShardKey(dataset, site, night)
    except Rejected as error:
        raise ValueError(str(error)) from error
    return dataset, site, night


def _size(state: _State, row: ShardRow) -> dict[str, Any]:
    """Bytes of a pack; of what cannot be sent the reason."""
    try:
        return {"bytes": open_pack(state.store.reader, row).size}
    except (NotFound, Corrupt) as error:
        return {"bytes": 0, "fault": str(error)}
