"""Take landing files into the store: refused ones wait in quarantine, good ones commit.

Running it again is safe at any time: what is there already is recognised by its
identity, so a killed run is completed by the same command.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.authenticity import Admission, SignaturePolicy
from storage.contents import size_of
from storage.errors import Rejected
from storage.evidence_files import is_evidence
from storage.evidence_staging import stage_evidence
from storage.issuing import issue_versions
from storage.key_store import read_keys
from storage.landing import landing_files
from storage.quarantine import Quarantined, quarantine_file, quarantine_list
from storage.records import ShardKey, ShardRow, Version
from storage.shards import Receipt, plan, write_shards
from storage.sources import (
    is_statement,
    read_header,
    sidecar_of,
    stated_site,
)
from storage.staging import Staged, stage
from storage.statement_staging import stage_statement
from storage.store import BehaviorStore

__all__ = [
    "IngestReport",
    "Progress",
    "Quarantined",
    "Staged",
    "ingest",
    "landing_files",
    "quarantine_file",
    "quarantine_list",
    "stage",
]

Progress = Callable[[int, int], None]
"""Told how many files are done, and how many there are."""
_BATCH_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of the files.

    Attributes
    ----------
    receipts : tuple of Receipt
        One per file that was applied, known already, or contradicts what is known.
    rejected : tuple of Rejected
        One per refused file, with its reason.
    snapshot : str
        Snapshot of the store afterwards.
    exit_code : int
        0 all applied or duplicate, 1 some refused or contradicting, 2 nothing
        committed.
    """

    receipts: tuple[Receipt, ...]
    rejected: tuple[Rejected, ...]
    snapshot: str
    exit_code: int

    def count(self, state: str) -> int:
        """Receipts of a state."""
        return sum(receipt.state == state for receipt in self.receipts)

    def __repr__(self) -> str:
        return (
            f"IngestReport: n={len(self.receipts) + len(self.rejected)} | "
            f"applied={self.count('applied')} | duplicate={self.count('duplicate')} | "
            f"equivocation={self.count('equivocation')} | "
            f"rejected={len(self.rejected)} | exit_code={self.exit_code}"
        )


def ingest(
    paths: Iterable[Path],
    store: BehaviorStore,
    *,
    quarantine: Path,
    now: int | None = None,
    options: Mapping[str, Any] | None = None,
    strict: bool = False,
    dry_run: bool = False,
    keep: bool = False,
    skip_known: bool = False,
    archive: Path | None = None,
    signatures: SignaturePolicy = SignaturePolicy.REGISTERED,
    batch: int = 64,
    progress: Progress | None = None,
) -> IngestReport:
    """Validate landing files and commit the good ones, `batch` files per commit.

    Files of behaviour and of evidence, manifests and retractions may lie side by side.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    store : BehaviorStore
        Open for writing.
    quarantine : Path
        Folder for refused files, ``<reason>/<file>`` with ``<file>.reason.json``.
    now : int, optional
        Clock, nanoseconds UTC; None takes the system's.  A replay gives its own.
    options : mapping, optional
        Header fields that win over the files'; see `stage`.
    strict : bool
        Refuse all files when one is refused.
    dry_run : bool
        Stop before anything is written or moved; receipts say what would happen.
    keep : bool
        Copy refused files to quarantine instead of moving them.
    skip_known : bool
        Believe a sidecar that states a hash the store has under its version, and do
        not read such a file again.
    archive : Path, optional
        Folder that files move to once they are committed; None leaves them.
    signatures : SignaturePolicy
        Whose files must be signed; the keys are those of the store.
    batch : int
        Files per commit; a commit also closes at 256 MiB of arrays.
    progress : callable, optional

    Returns
    -------
    IngestReport

    Raises
    ------
    StorageError
        When the store is not writable, locked, or does not read back what was written.
        Refused files do not raise.
    """
    files = landing_files(paths)
    clock = time.time_ns() if now is None else now
    keys = Admission(read_keys(store), signatures)
    work = _Work(store, quarantine, clock, dict(options or {}), keep, archive, keys)
    if not dry_run:
        store.require_writable()
    known = _known(store) if skip_known else {}
    if strict and not dry_run:
        for file in files:
            work.try_stage(file, known)
        if work.rejected:
            return work.report(committed=False)
        work.receipts.clear()
    for done, file in enumerate(files, start=1):
        staged = work.try_stage(file, known, quarantine=not dry_run)
        if staged is not None:
            work.pending.append(staged)
        if work.full(batch):
            work.flush(dry_run=dry_run)
        if progress is not None:
            progress(done, len(files))
    work.flush(dry_run=dry_run)
    return work.report(committed=not (dry_run and strict and bool(work.rejected)))


def _known(store: BehaviorStore) -> dict[tuple[ShardKey, Version, str], ShardRow]:
    return {(row.key, row.version, row.sha256): row for row in store.rows()}


class _Work:
    """State of one ingest: files that wait for a commit, and what became of all."""

    def __init__(
        self,
        store: BehaviorStore,
        quarantine: Path,
        now: int,
        options: dict[str, Any],
        keep: bool,
        archive: Path | None,
        admission: Admission,
    ) -> None:
        self.store = store
        self.quarantine = quarantine
        self.now = now
        self.options = options
        self.keep = keep
        self.archive = archive
        self.admission = admission
        self.pending: list[Staged] = []
        self.receipts: list[Receipt] = []
        self.rejected: list[Rejected] = []

    def try_stage(
        self,
        file: Path,
        known: Mapping[tuple[ShardKey, Version, str], ShardRow],
        *,
        quarantine: bool = True,
    ) -> Staged | None:
        """Stage a file; None when it is refused or known already."""
        try:
            row = self._stated(file, known) if known else None
            if row is not None:
                self.receipts.append(_receipt(row, self.store.snapshot))
                self._archive(file)
                return None
            return self._stage(file)
        except Rejected as error:
            self.rejected.append(error)
            if quarantine:
                site = stated_site(file, self.options)
                quarantine_file(file, error, self.quarantine, site=site, keep=self.keep)
            return None

    def _stage(self, file: Path) -> Staged:
        schema, options, keys = self.store.schema, self.options, self.admission
        if is_statement(file):
            return stage_statement(
                file, schema.dataset, now=self.now, options=options,
                historical=schema.historical, admission=keys,
            )  # fmt: skip
        if not is_evidence(file, options):
            return stage(file, schema, now=self.now, options=options, admission=keys)
        return stage_evidence(
            file, now=self.now, options=options,
            historical=schema.historical, admission=keys,
        )  # fmt: skip

    def _stated(
        self, file: Path, known: Mapping[tuple[ShardKey, Version, str], ShardRow]
    ) -> ShardRow | None:
        """Ledger row of the identity that the header of a file states in full."""
        found = read_header(file, None, self.options)
        if not (found.site and found.night and found.version and found.sha256):
            return None
        dataset = found.dataset or self.store.schema.dataset
        key = ShardKey(dataset, found.site, found.night, found.part or "0")
        return known.get((key, found.version, found.sha256))

    def full(self, batch: int) -> bool:
        """Tell whether the next commit is due."""
        size = sum(size_of(staged.shard.data) for staged in self.pending)
        return len(self.pending) >= batch or size >= _BATCH_BYTES

    def flush(self, *, dry_run: bool) -> None:
        """Commit what waits, then archive its files."""
        if not self.pending:
            return
        shards = issue_versions(self.store.rows(), self.pending)
        if dry_run:
            states, _ = plan(self.store.rows(), shards, self.store.rows_per_chunk)
            self.receipts += [
                _receipt(shard.row, self.store.snapshot, state)
                for shard, state in zip(shards, states, strict=True)
            ]
        else:
            self.receipts += write_shards(
                self.store,
                shards,
                message=f"ingest {len(shards)} shards",
                metadata={"shards": [f"{s.row.key}/{s.row.version}" for s in shards]},
            )
            for staged in self.pending:
                self._archive(staged.source)
        self.pending.clear()

    def _archive(self, file: Path) -> None:
        if self.archive is None:
            return
        self.archive.mkdir(parents=True, exist_ok=True)
        for old in (sidecar_of(file), file):
            if old.exists():
                shutil.move(old, self.archive / old.name)

    def report(self, *, committed: bool) -> IngestReport:
        """Sum up."""
        receipts = tuple(self.receipts) if committed else ()
        code = 0
        if self.rejected:
            code = 1 if receipts else 2
        elif any(receipt.state == "equivocation" for receipt in receipts):
            code = 1
        return IngestReport(receipts, tuple(self.rejected), self.store.snapshot, code)


def _receipt(row: ShardRow, snapshot: str, state: Any = "duplicate") -> Receipt:
    return Receipt(row.key, row.version, state, row.n, row.sha256, snapshot)
