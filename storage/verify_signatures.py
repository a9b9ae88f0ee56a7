"""Verify stored signatures again, against the key registry of the store."""

from __future__ import annotations

from storage.errors import StorageError
from storage.findings import Finding
from storage.key_registry import KeyRegistry
from storage.key_store import read_keys
from storage.keys import verifies
from storage.records import ShardRow
from storage.signatures import SignedHeader, signed_bytes
from storage.store import BehaviorStore

__all__ = ["verify_signatures"]


def verify_signatures(store: BehaviorStore) -> tuple[int, tuple[Finding, ...]]:
    """Check every signature over header and content hash of its ledger row.

    Returns
    -------
    n : int
        Signatures checked.
    findings : tuple of Finding
        A key that was revoked or has expired since is no finding: its shards were
        valid when they were taken in (``consilience keys revoke`` lists them).
    """
    try:
        registry = read_keys(store)
    except StorageError as error:
        found = Finding("keys", "keys", "a registry that keeps its rules", str(error))
        return 0, (found,)
    signed = [row for row in store.rows() if row.signature or row.signer]
    findings = []
    for row in signed:
        wrong = _wrong(registry, row)
        if wrong:
            expected = f"a signature of {row.key.site}"
            findings.append(Finding(row.path, "signature", expected, wrong))
    return len(signed), tuple(findings)


def _wrong(registry: KeyRegistry, row: ShardRow) -> str:
    key = registry.keys.get(row.signer)
    if key is None:
        return f"key {row.signer}, which is not registered"
    if key.source != row.key.site:
        return f"key {row.signer} of {key.source}"
    message = signed_bytes(SignedHeader.of_row(row), row.sha256, row.signer)
    if not verifies(key.public, message, row.signature):
        return f"a signature that key {row.signer} did not make for this row"
    return ""
