"""What is asked of the signatures of evidence when it is taken in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from storage.errors import Rejected
from storage.evidence_records import EvidenceData
from storage.records import ShardRow
from storage.sources import Header

__all__ = ["Authenticate", "Signatures"]


class Authenticate(Protocol):
    """Refuses a shard that its signature does not fit."""

    def __call__(
        self, row: ShardRow, data: EvidenceData, signature: str, signer: str
    ) -> None:
        """Raise `Rejected` with reason ``signature``, or return."""
        ...


@dataclass(frozen=True, slots=True)
class Signatures:
    """What is asked of signatures when evidence is taken in.

    Attributes
    ----------
    authenticate : Authenticate, optional
        None knows no keys: files that are signed are refused, since nobody could tell
        whether by whom they say.
    required : bool
        Refuse files without a signature.
    """

    authenticate: Authenticate | None = None
    required: bool = False

    def check(self, header: Header, row: ShardRow, data: EvidenceData) -> ShardRow:
        """Return the row with its verified signature, or as it was when unsigned.

        Raises
        ------
        Rejected
            Reason ``signature``.
        """
        signature, signer = header.signature or "", header.signer or ""
        if not signature and not self.required:
            return row
        if not signature or self.authenticate is None:
            raise Rejected(
                "signature",
                source=row.path or str(row.key),
                column="signature",
                value=f"signature of {signer!r}" if signature else "no signature",
                expected="no signature, as no keys are known here"
                if signature
                else "a signature in the header",
                remedy="Name the registry of keys."
                if signature
                else "Let the source sign the shard, or do not require signatures.",
            )
        self.authenticate(row, data, signature, signer)
        return replace(row, signature=signature, signer=signer)
