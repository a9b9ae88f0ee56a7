"""Ask whether a shard of evidence may enter as it is signed, or unsigned."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from storage.errors import Rejected
from storage.records import ShardRow
from storage.sources import Header

__all__ = ["Admit", "admitted"]


class Admit(Protocol):
    """Decides by keys and policy whether a shard may enter."""

    def __call__(self, row: ShardRow, signature: str, signer: str, source: str) -> str:
        """Return the id of the key that signed the shard, empty for an unsigned one.

        Parameters
        ----------
        row : ShardRow
            As it will stand in the ledger, but for its place; `sha256` is that of the
            content as it was read.
        signature, signer : str
            As the header states them; both empty for an unsigned shard.
        source : str
            File, for errors.

        Raises
        ------
        Rejected
            Reason ``signature``.
        """
        ...


def admitted(
    row: ShardRow, header: Header, admit: Admit | None, source: str
) -> ShardRow:
    """Return the row with its verified signature, or as it is when unsigned.

    Parameters
    ----------
    row : ShardRow
    header : Header
    admit : Admit, optional
        None knows no keys: what is signed is refused, since nobody could tell whether
        by whom it says; what is unsigned enters, labelled so.
    source : str
        File, for errors.

    Raises
    ------
    Rejected
        Reason ``signature``; also for a signature without a version, which would be
        another one's once a version was issued.
    """
    signature, signer = header.signature or "", header.signer or ""
    signed = bool(signature or signer)
    if signed and (admit is None or header.version is None):
        raise Rejected(
            "signature",
            source=source,
            column="signature",
            value=f"a signature of key {signer!r}",
            expected="the version that was signed, beside it"
            if header.version is None
            else "no signature, as no keys are known here",
            remedy="State epoch and seq in the header."
            if header.version is None
            else "Name the registry of keys.",
        )
    found = "" if admit is None else admit(row, signature, signer, source)
    return replace(row, signature=signature, signer=found) if found else row
