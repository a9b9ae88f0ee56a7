"""Bring a store up to what another knows: digests first, then what is missing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from dask.utils import parse_bytes

from stats.summary import InvalidInput
from stats.transfer import Objective
from storage.authenticity import SignaturePolicy
from storage.errors import NotFound
from storage.peer import Offer, Overview, Peer, Traffic
from storage.receive import (
    admit,
    check_same_dataset,
    missing_from,
    receive,
    write_merged_keys,
)
from storage.shards import Receipt
from storage.store import BehaviorStore
from storage.transport import Pace, StoreTransport, Transport
from tasks.ledgers import ledger_of
from tasks.transfer_order import fitting, in_order

__all__ = ["SyncReport", "pull_store", "size_of_text"]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What became of a synchronisation in one direction.

    Attributes
    ----------
    source, target : str
    missing : int
        Shard versions that the target lacked.
    missing_bytes : int
        Bytes of their packs.
    applied, equivocations : int
        Shard versions that were new, and of these such as contradict another content of
        the same version.
    left : int
        That did not fit into the budget.
    refused : tuple of str
        That may not enter, each with its reason.
    faulty : tuple of str
        That the source cannot send, each with its reason.
    keys : int
        Events added to the key registry.
    digest_bytes, pack_bytes : int
        Bytes that passed: digests, rows and keys; shard versions.
    ledger : str
        Digest of the ledger of the target afterwards.
    snapshot : str
    dry_run : bool
    order : tuple of str
        Shard versions in the order in which they were or would be asked for.
    """

    source: str
    target: str
    missing: int
    missing_bytes: int
    applied: int
    equivocations: int
    left: int
    refused: tuple[str, ...]
    faulty: tuple[str, ...]
    keys: int
    digest_bytes: int
    pack_bytes: int
    ledger: str
    snapshot: str
    dry_run: bool
    order: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """The target knows everything that the source knew."""
        waiting = self.left + len(self.refused) + len(self.faulty)
        return not waiting and not (self.dry_run and self.missing)

    def __repr__(self) -> str:
        return (
            f"SyncReport: n={self.missing:_} | applied={self.applied:_} | "
            f"left={self.left:_} | refused={len(self.refused)} | "
            f"faulty={len(self.faulty)} | digests={self.digest_bytes:_} B | "
            f"packs={self.pack_bytes:_} of {self.missing_bytes:_} B"
        )


def pull_store(
    source: Transport | str,
    target: str,
    *,
    budget: float | None = None,
    bandwidth: float | None = None,
    objective: Objective | str = Objective.BOTH,
    policy: SignaturePolicy = SignaturePolicy.REGISTERED,
    dry_run: bool = False,
    batch: int = 64,
    now: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SyncReport:
    """Ask a source for what a target lacks, and commit it there.

    Parameters
    ----------
    source : Transport or str
        A store's address, or a line to one.
    target : str
        Store to write to; it is made with the source's schema when there is none.
    budget : float, optional
        Most bytes of shard versions; None takes everything.
    bandwidth : float, optional
        Most bytes a second; None takes what there is.
    objective : Objective
        With a budget or bandwidth, whose error is made small first.
    policy : SignaturePolicy
        Whose shards must be signed.
    dry_run : bool
        Exchange digests and say what would be asked for; nothing is written.
    batch : int
        Shard versions per commit.
    now : int, optional
        Clock, nanoseconds UTC; None takes the system's.
    progress : callable, optional
        Told how many shard versions are committed, and how many there are.

    Returns
    -------
    SyncReport

    Raises
    ------
    StoreFormat
        When the stores are of different schemas.
    Corrupt
        When what came is not what was announced; its batch is not applied.
    Unreachable
        When the line is cut for too long; what was committed stays, and the same call
        goes on from there.
    StorageError
        As opening, asking and writing do.
    """
    transport = StoreTransport(source) if isinstance(source, str) else source
    peer = Peer(transport, Pace(bandwidth), Traffic())
    clock = time.time_ns() if now is None else now
    other = peer.overview()
    store = _target(target, other, dry_run=dry_run)
    check_same_dataset(store, other, peer.url)
    theirs = peer.keys()
    admitted = admit(
        store, missing_from(store, peer, other), theirs, now=clock, policy=policy
    )
    offers = admitted.offers
    if budget is not None or bandwidth is not None:
        offers = in_order(store, offers, Objective(objective))
    chosen = fitting(offers, math.inf if budget is None else budget)
    keys, receipts = 0, tuple[Receipt, ...]()
    if not dry_run:
        keys = write_merged_keys(store, theirs, peer.url)
        receipts = receive(store, peer, chosen, batch=batch, progress=progress)
    every = (*admitted.offers, *admitted.faulty)
    return SyncReport(
        source=peer.url,
        target=store.url,
        missing=len(every) + len(admitted.refused),
        missing_bytes=sum(offer.nbytes for offer in every),
        applied=sum(receipt.state != "duplicate" for receipt in receipts),
        equivocations=sum(receipt.state == "equivocation" for receipt in receipts),
        left=len(offers) - len(chosen),
        refused=tuple(map(str, admitted.refused)),
        faulty=tuple(f"{_name(offer)}: {offer.fault}" for offer in admitted.faulty),
        keys=keys,
        digest_bytes=peer.traffic.digests,
        pack_bytes=peer.traffic.packs,
        ledger=ledger_of(store.rows()).digest(),
        snapshot=store.snapshot,
        dry_run=dry_run,
        order=tuple(map(_name, chosen)),
    )


def size_of_text(text: str | None, option: str) -> float | None:
    """Bytes of a size in words, such as ``2GB``; None for None.

    Raises
    ------
    InvalidInput
        When it is no size, or not above 0.
    """
    if text is None:
        return None
    try:
        size = float(parse_bytes(text))
    except ValueError:
        size = math.nan
    if not size > 0:
        raise InvalidInput(f"{option} {text!r}: no size. Give bytes, as 500kB or 2GB.")
    return size


def _target(url: str, like: Overview, *, dry_run: bool) -> BehaviorStore:
    """Open the store that receives; a new one is like the source."""
    if BehaviorStore.exists(url):
        return BehaviorStore.open(url, "r" if dry_run else "a")
    if dry_run:
        raise NotFound(
            f"store {url}: does not exist, so everything is missing. Run it without "
            "--dry-run to make it."
        )
    return BehaviorStore.create(url, like.schema, like.rows_per_chunk)


def _name(offer: Offer) -> str:
    return f"{offer.row.key}/{offer.row.version}"
