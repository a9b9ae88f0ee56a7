"""Take in shard versions of another store: checked before they are asked for and after.

Ledger rows say who signed and when a shard was first taken in; what may not enter is
never asked for.  What comes is hashed again and committed in batches, each one whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from storage.authenticity import Admission, SignaturePolicy
from storage.contents import size_of
from storage.errors import Conflict, Rejected, StoreFormat, Unreachable
from storage.evidence_records import EVIDENCE
from storage.exchange import Night, identity, night_digests, night_of, site_digests
from storage.key_merge import first_registered, merged_keys
from storage.key_registry import KeyRegistry
from storage.key_store import read_keys, write_keys
from storage.packs import unpack_shard
from storage.peer import Offer, Overview, Peer
from storage.records import ShardRow
from storage.shards import Receipt, Shard, write_shards
from storage.signatures import SignedHeader
from storage.stated import check_clock
from storage.store import BehaviorStore

__all__ = [
    "Admitted",
    "admit",
    "check_same_dataset",
    "missing_from",
    "receive",
    "write_merged_keys",
]

_BATCH_BYTES = 64 * 2**20
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Admitted:
    """What another store offers, sorted by what may become of it.

    Attributes
    ----------
    offers : tuple of Offer
        That may be asked for.
    refused : tuple of Rejected
        That may not, each with its reason.
    faulty : tuple of Offer
        That the other store cannot send.
    registry : KeyRegistry
        Keys of both stores.
    """

    offers: tuple[Offer, ...]
    refused: tuple[Rejected, ...]
    faulty: tuple[Offer, ...]
    registry: KeyRegistry = field(repr=False)


def check_same_dataset(store: BehaviorStore, other: Overview, url: str) -> None:
    """Refuse a store whose schema is another one.

    Raises
    ------
    StoreFormat
    """
    if store.schema != other.schema:
        raise StoreFormat(
            f"stores {store.url} and {url}: the schemas of {store.schema.dataset!r} "
            f"and {other.schema.dataset!r} differ. Synchronise stores of one dataset."
        )


def missing_from(
    store: BehaviorStore, peer: Peer, other: Overview
) -> tuple[Offer, ...]:
    """Find what the other store has and this one lacks, by digests from the top down.

    Raises
    ------
    StorageError, Unreachable, Unauthorized
        As asking does.
    """
    rows = store.rows()
    ours = site_digests(rows)
    sites = [site for site, digest in other.sites.items() if ours.get(site) != digest]
    if not sites:
        return ()
    known = night_digests(rows)
    theirs = peer.nights(sites)
    nights = [night for night, digest in theirs.items() if known.get(night) != digest]
    wanted: frozenset[Night] = frozenset(nights)
    here = {(night_of(row), identity(row)) for row in rows if night_of(row) in wanted}
    return tuple(peer.offers(nights, here))


def admit(
    store: BehaviorStore,
    offers: Iterable[Offer],
    theirs: KeyRegistry,
    *,
    now: int,
    policy: SignaturePolicy = SignaturePolicy.REGISTERED,
) -> Admitted:
    """Decide what may be asked for, from the rows alone.

    Parameters
    ----------
    store : BehaviorStore
    offers : iterable of Offer
    theirs : KeyRegistry
        Of the other store.
    now : int
        Clock, nanoseconds UTC.
    policy : SignaturePolicy
        Whose shards must be signed.

    Raises
    ------
    KeyRefused
        When the registries contradict each other.

    Notes
    -----
    A signature is verified with the keys that were in force when the shard was first
    taken in, and a shard may be unsigned if its source had no key then.  That moment is
    the word of the other store.
    """
    registry = merged_keys(read_keys(store), theirs)
    since = first_registered(registry)
    good: list[Offer] = []
    faulty: list[Offer] = []
    refused: list[Rejected] = []
    for offer in offers:
        try:
            _check(offer.row, store, registry, since, now, policy)
        except Rejected as error:
            refused.append(error)
            continue
        (faulty if offer.fault else good).append(offer)
    return Admitted(tuple(good), tuple(refused), tuple(faulty), registry)


def _check(
    row: ShardRow,
    store: BehaviorStore,
    registry: KeyRegistry,
    since: dict[str, int],
    now: int,
    policy: SignaturePolicy,
) -> None:
    name = f"{row.key}/{row.version}"
    if row.key.dataset not in (store.schema.dataset, EVIDENCE):
        raise Rejected(
            "wrong-dataset",
            source=name,
            column="dataset",
            value=row.key.dataset,
            expected=f"{store.schema.dataset} or {EVIDENCE}",
            remedy="Keep it in the store of that dataset.",
        )
    check_clock(row.key.night, row.event_end, now, name, historical=True)
    check_clock(row.key.night, row.ingested_at, now, name, historical=True)
    had_key = since.get(row.key.site, row.ingested_at + 1) <= row.ingested_at
    known = registry if had_key or row.signature else KeyRegistry()
    Admission(known, policy).check(
        SignedHeader.of_row(row), row.sha256, row.signature, row.signer,
        at=row.ingested_at, source=name,
    )  # fmt: skip


def write_merged_keys(store: BehaviorStore, theirs: KeyRegistry, url: str) -> int:
    """Append what the registry of another store says beyond ours; how many events.

    Raises
    ------
    KeyRefused
        When the registries contradict each other; nothing is written.
    Conflict, Locked
    """
    for _ in range(_TRIES):
        store.refresh()
        ours = read_keys(store)
        both = merged_keys(ours, theirs)
        if both.events == ours.events:
            return 0
        try:
            write_keys(store, both, message=f"keys from {url}")
        except Conflict:
            continue
        return len(both.events) - len(ours.events)
    raise Conflict(
        f"store {store.url}: its key registry changed {_TRIES} times meanwhile. "
        "Run it again."
    )


def receive(
    store: BehaviorStore,
    peer: Peer,
    offers: Sequence[Offer],
    *,
    batch: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Receipt, ...]:
    """Ask for shard versions in the given order and commit them, `batch` per commit.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing.
    peer : Peer
    offers : sequence of Offer
        Admitted ones.
    batch : int
        Shard versions per commit; a commit also closes at 64 MiB of arrays.
    progress : callable, optional
        Told how many are committed, and how many there are.

    Returns
    -------
    tuple of Receipt

    Raises
    ------
    Corrupt
        When what came is not what was announced: nothing of its batch is applied.
    Unreachable
        When the line is cut; what was complete is committed first, so that the same
        command goes on from there.
    StorageError
        As asking and writing do.
    """
    receipts: list[Receipt] = []
    pending: list[Shard] = []

    def flush() -> None:
        if pending:
            names = [f"{shard.row.key}/{shard.row.version}" for shard in pending]
            receipts.extend(
                write_shards(
                    store, pending,
                    message=f"receive {len(pending)} shards",
                    metadata={"shards": names, "from": peer.url},
                )
            )  # fmt: skip
            pending.clear()
            if progress is not None:
                progress(len(receipts), len(offers))

    for offer in offers:
        try:
            data = peer.pull(identity(offer.row), offer.nbytes)
        except Unreachable:
            flush()
            raise
        pending.append(unpack_shard(data, offer.row, store.schema))
        held = sum(size_of(shard.data) for shard in pending)
        if len(pending) >= batch or held >= _BATCH_BYTES:
            flush()
    flush()
    return tuple(receipts)
