"""Hold the signature that a header states against the ledger row and the keys."""

from __future__ import annotations

from dataclasses import replace

from storage.authenticity import Admission
from storage.records import ShardRow
from storage.signatures import SignedHeader, refuse
from storage.sources import Header

__all__ = ["admitted"]


def admitted(
    row: ShardRow, header: Header, admission: Admission, source: str
) -> ShardRow:
    """Return the row with its verified signature, or as it is when unsigned.

    Parameters
    ----------
    row : ShardRow
        As it will stand in the ledger, but for its place.  Its hash is that of the
        content as it was read; when it was taken in decides which keys are in force.
    header : Header
    admission : Admission
        Keys, and whose shards must be signed.
    source : str
        File, for errors.

    Raises
    ------
    Rejected
        Reason ``signature``; also for a signature without a version, which would be
        another one's once a version was issued.
    """
    signature, signer = header.signature or "", header.signer or ""
    if (signature or signer) and header.version is None:
        raise refuse(
            source, "a signature without a version", "the version that was signed",
            "State epoch and seq in the header.",
        )  # fmt: skip
    found = admission.check(
        SignedHeader.of_row(row), row.sha256, signature, signer,
        at=row.ingested_at, source=source,
    )  # fmt: skip
    return replace(row, signature=signature, signer=found) if found else row
