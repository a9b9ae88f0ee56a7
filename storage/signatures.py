"""Sign and verify shards: one Ed25519 signature over every field of the header."""

from __future__ import annotations

from dataclasses import dataclass, fields

from storage.errors import Rejected
from storage.field_bytes import field_bytes
from storage.key_registry import KeyRegistry, moment
from storage.keys import (
    KEY_ID,
    SIGNATURE,
    Ed25519PrivateKey,
    key_id_of,
    public_text,
    sign_bytes,
    verifies,
)
from storage.records import ShardRow

__all__ = ["SignedHeader", "refuse", "sign", "signed_bytes", "verify"]

_FORM = "consilience shard 1"


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """What a signature says a shard is, beside its content and the key.

    Attributes
    ----------
    schema : int
        Number of the schema the columns follow.
    dataset, site, night, part : str
        The shard's key; the site of evidence is its source.
    epoch, seq : int
        Its version.
    kind : str
        As in the ledger.
    n : int
        Rows.
    event_end : int
        Nanoseconds UTC.
    deps : tuple of str
        Versions it was made from.
    """

    schema: int
    dataset: str
    site: str
    night: str
    part: str
    epoch: int
    seq: int
    kind: str
    n: int
    event_end: int
    deps: tuple[str, ...] = ()

    @classmethod
    def of_row(cls, row: ShardRow) -> SignedHeader:
        """Header of a ledger row.

        What its place in a store decides (path, chunks, when it was taken in) is not
        signed; counts beside `n` follow from the content.
        """
        return cls(
            schema=row.schema,
            dataset=row.key.dataset,
            site=row.key.site,
            night=row.key.night,
            part=row.key.part,
            epoch=row.version.epoch,
            seq=row.version.seq,
            kind=row.kind,
            n=row.n,
            event_end=row.event_end,
            deps=row.deps,
        )

    def __str__(self) -> str:
        where = f"{self.dataset}/{self.site}/{self.night}/{self.part}"
        return f"{where}/{self.epoch}-{self.seq}"


def signed_bytes(header: SignedHeader, content_sha256: str, signer: str) -> bytes:
    """Bytes under a signature: every header field, the content's hash, and the key.

    The fields are those of the class, by its own list, so one that is added later is
    covered without anybody remembering it.
    """
    said = {field.name: getattr(header, field.name) for field in fields(header)}
    return field_bytes(_FORM, said | {"sha256": content_sha256, "signer": signer})


def sign(
    private_key: Ed25519PrivateKey, header: SignedHeader, content_sha256: str
) -> str:
    """Sign a shard.

    Parameters
    ----------
    private_key : Ed25519PrivateKey
    header : SignedHeader
    content_sha256 : str
        Of the canonical bytes of the content, 64 hexadecimal digits.

    Returns
    -------
    str
        128 hexadecimal digits; the same ones every time.

    Notes
    -----
    One signature a shard: signing each row could not keep up with millions of rows a
    second, and the hash binds every row as firmly.  Source: RFC 8032, Ed25519.
    """
    signer = key_id_of(public_text(private_key))
    return sign_bytes(private_key, signed_bytes(header, content_sha256, signer))


def verify(
    registry: KeyRegistry,
    header: SignedHeader,
    content_sha256: str,
    signature: str,
    signer: str,
    *,
    at: int,
    source: str = "",
) -> None:
    """Return when the shard was signed by a key that may sign it at that time.

    Parameters
    ----------
    registry : KeyRegistry
    header : SignedHeader
        As the reader sees the shard, not as its sender names it.
    content_sha256 : str
        Of the content as the reader has it.
    signature, signer : str
        128 and 32 hexadecimal digits.
    at : int
        When it is or was taken in, nanoseconds UTC by the reader's clock.
    source : str, optional
        What to call it in a refusal; the shard's key and version when absent.

    Raises
    ------
    Rejected
        Reason ``signature``; the text tells an unknown key, another source's key, one
        that is revoked, expired or not valid yet, a malformed signature, and bytes
        that were not signed, apart.
    """
    name = source or str(header)
    for column, value, form in (
        ("signer", signer, KEY_ID),
        ("signature", signature, SIGNATURE),
    ):
        if form.fullmatch(value) is None:
            raise refuse(
                name, f"{len(value)} characters", form.pattern,
                "Sign it again with `consilience sign`.", column=column,
            )  # fmt: skip
    key = registry.keys.get(signer)
    if key is None:
        raise refuse(
            name, f"key {signer}, which is not registered",
            f"a key of {header.site}", "Register the key with `consilience keys add`.",
            column="signer",
        )  # fmt: skip
    if key.source != header.site:
        raise refuse(
            name, f"key {signer} of {key.source}", f"a key of {header.site}",
            "A source signs for itself only; send it from where it belongs.",
            column="signer",
        )  # fmt: skip
    fault = key.fault(at)
    if fault:
        raise refuse(
            name, f"key {signer}, {fault}", f"a key in force at {moment(at)}",
            "Sign it again with the key that is in force.", column="signer",
        )  # fmt: skip
    message = signed_bytes(header, content_sha256, signer)
    if not verifies(key.public, message, signature):
        raise refuse(
            name, f"a signature that key {signer} did not make for this",
            f"its signature over {header} with content {content_sha256[:12]}",
            "Header or content was changed, or belongs to another shard: send both "
            "again, signed together.",
        )  # fmt: skip


def refuse(
    source: str, value: str, expected: str, remedy: str, *, column: str = "signature"
) -> Rejected:
    """Make a refusal with the reason ``signature``."""
    return Rejected(
        "signature",
        source=source,
        column=column,
        value=value,
        expected=expected,
        remedy=remedy,
    )
