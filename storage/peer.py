"""The other store as the one that receives sees it: typed answers, counted bytes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.errors import Corrupt, StorageError, StoreFormat
from storage.exchange import FORM, Night, Site
from storage.key_registry import KeyRegistry
from storage.key_store import registry_from_json
from storage.records import ShardRow
from storage.schema import Schema
from storage.transport import Pace, Transport

__all__ = ["Offer", "Overview", "Peer", "Traffic"]

# Nights whose rows are asked for at once: an answer stays below some hundred kilobytes.
_NIGHTS = 128


@dataclass(frozen=True, slots=True)
class Overview:
    """What a store is, and a digest of what it knows of each site.

    Attributes
    ----------
    snapshot : str
    schema : Schema
    rows_per_chunk, shards : int
    sites : dict of (dataset, site) to str
    """

    snapshot: str
    schema: Schema
    rows_per_chunk: int
    shards: int
    sites: dict[Site, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """A shard version that the other store has.

    Attributes
    ----------
    row : ShardRow
        Its path is not said: a place belongs to a store.
    nbytes : int
        Bytes of its pack.
    fault : str
        Why it cannot be sent; empty if it can.
    """

    row: ShardRow
    nbytes: int
    fault: str = ""


@dataclass(slots=True)
class Traffic:
    """Bytes that passed.

    Attributes
    ----------
    digests : int
        Questions and answers: overview, digests, rows of what is missing, keys.
    packs : int
        Shard versions.
    """

    digests: int = 0
    packs: int = 0

    @property
    def total(self) -> int:
        """Everything."""
        return self.digests + self.packs


@dataclass(slots=True)
class Peer:
    """Asks another store over a transport.

    Attributes
    ----------
    transport : Transport
    pace : Pace
    traffic : Traffic
    """

    transport: Transport
    pace: Pace = field(default_factory=Pace)
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def url(self) -> str:
        """Address of the other store."""
        return self.transport.url

    def overview(self) -> Overview:
        """Ask what the store is and knows.

        Raises
        ------
        StoreFormat
            When it answers in a newer form.
        StorageError, Unreachable, Unauthorized
        """
        found = self._ask("overview", {})
        if found.get("form") != FORM:
            raise StoreFormat(
                f"store {self.url}: answers in form {found.get('form')}, this code "
                f"reads {FORM}. Use the same version of consilience on both sides."
            )
        with _malformed(self.url, "overview"):
            return Overview(
                str(found["snapshot"]),
                Schema.from_json(found["schema"]),
                int(found["rows_per_chunk"]),
                int(found["shards"]),
                {(str(d), str(s)): str(digest) for d, s, digest in found["sites"]},
            )

    def keys(self) -> KeyRegistry:
        """Ask for the key registry.

        Raises
        ------
        KeyRefused
            When it breaks a rule.
        StorageError, Unreachable, Unauthorized
        """
        text = str(self._ask("keys", {}).get("registry"))
        return registry_from_json(text, source=f"keys of {self.url}")

    def nights(self, sites: Collection[Site]) -> dict[Night, str]:
        """Ask for the digest of every night of some sites.

        Raises
        ------
        StorageError, Unreachable, Unauthorized
        """
        found = self._ask("nights", {"sites": sorted(sites)})
        with _malformed(self.url, "nights"):
            return {
                (str(dataset), str(site), str(night)): str(digest)
                for dataset, site, night, digest in found["nights"]
            }

    def offers(
        self, nights: Sequence[Night], known: Collection[tuple[Night, str]]
    ) -> Iterator[Offer]:
        """Ask for the rows of some nights that are not known here.

        Parameters
        ----------
        nights : sequence of (dataset, site, night)
        known : collection of (night, identity)

        Raises
        ------
        StorageError, Unreachable, Unauthorized
        """
        for start in range(0, len(nights), _NIGHTS):
            part = nights[start : start + _NIGHTS]
            asked = frozenset(part)
            here = sorted(name for night, name in known if night in asked)
            found = self._ask("offers", {"nights": part, "known": here})
            with _malformed(self.url, "offers"):
                offers = [_offer(entry) for entry in found["offers"]]
            yield from offers

    def pull(self, name: str, size: int) -> bytes:
        """Receive a pack whole.

        Raises
        ------
        Corrupt
            When more or fewer bytes come than were announced.
        NotFound, Unreachable, Unauthorized
        """
        data = bytearray()
        for piece in self.transport.pull(name, 0):
            self.traffic.packs += len(piece)
            self.pace.spend(len(piece))
            data += piece
            if len(data) > size:
                break
        if len(data) != size:
            raise Corrupt(
                f"store {self.url}: {len(data)} bytes of a shard came, {size} were "
                "announced. Nothing was applied; run the same command again."
            )
        return bytes(data)

    def _ask(self, question: str, body: dict[str, Any]) -> dict[str, Any]:
        asked = json.dumps(body, separators=(",", ":")).encode()
        answer = self.transport.ask(question, asked)
        size = len(asked) + len(answer)
        self.traffic.digests += size
        self.pace.spend(size)
        with _malformed(self.url, question):
            found: dict[str, Any] = json.loads(answer)
            return dict(found)


@contextlib.contextmanager
def _malformed(url: str, question: str) -> Iterator[None]:
    """Turn what a malformed answer raises into a typed error."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(
            f"store {url}: the answer to {question!r} is malformed ({error!r}). "
            "Use the same version of consilience on both sides."
        ) from error


def _offer(entry: dict[str, Any]) -> Offer:
    row = ShardRow.from_attributes(dict(entry["row"]), "")
    return Offer(row, int(entry["bytes"]), str(entry.get("fault", "")))
