"""What the owner of a key says of it, signed with it, and by the key it replaces."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self

from storage.errors import KeyRefused
from storage.field_bytes import field_bytes
from storage.keys import (
    KEY_ID,
    Ed25519PrivateKey,
    key_id_of,
    public_text,
    sign_bytes,
    verifies,
)
from storage.records import check_name

__all__ = ["Announcement", "announce", "read_announcement"]

_FORM = "consilience key 1"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A public key of a source, and the time in which it may sign.

    Attributes
    ----------
    source : str
        Site or source of evidence whose shards it may sign; no other's.
    public : str
        64 hexadecimal digits.
    valid_from, valid_until : int
        Nanoseconds UTC; the end is not included.
    replaces : str
        Id of the key it takes over from; empty for a first key.
    overlap : int
        Nanoseconds for which the replaced key stays valid after `valid_from`.
    proof : str
        Signature over all of this by the key itself.
    endorsement : str
        The same by the key it replaces; empty for a first key.
    """

    source: str
    public: str
    valid_from: int
    valid_until: int
    replaces: str = ""
    overlap: int = 0
    proof: str = ""
    endorsement: str = ""

    @property
    def key_id(self) -> str:
        """Fingerprint of the public key."""
        return key_id_of(self.public)

    def message(self) -> bytes:
        """Bytes that proof and endorsement sign."""
        values = dataclasses.asdict(self)
        said = {k: v for k, v in values.items() if k not in ("proof", "endorsement")}
        return field_bytes(_FORM, said)

    def check(self) -> Self:
        """Return itself when its parts make sense and its proof is valid.

        Raises
        ------
        Rejected
            Reason ``unsafe-name``, for the source.
        KeyRefused
            For everything else.
        """
        self.check_fields()
        if not verifies(self.public, self.message(), self.proof):
            raise KeyRefused(
                f"key {self.key_id} of {self.source}: its own signature is not valid: "
                "the announcement was changed, or its sender does not have the "
                "private key. Ask the source to send it again."
            )
        return self

    def check_fields(self) -> None:
        """Return when its parts make sense, signed or not.

        Raises
        ------
        Rejected
            Reason ``unsafe-name``, for the source.
        KeyRefused
            For everything else.
        """
        check_name(self.source, column="source", source="key announcement")
        good = 0 <= self.valid_from < self.valid_until < 2**63
        replaced = self.replaces == "" or KEY_ID.fullmatch(self.replaces) is not None
        if not (good and replaced and 0 <= self.overlap < 2**63):
            raise KeyRefused(
                f"key {self.key_id} of {self.source}: valid from {self.valid_from} "
                f"until {self.valid_until}, overlap {self.overlap}, replaces "
                f"{self.replaces[:40]!r}. Give a beginning before the end, in "
                "nanoseconds UTC, an overlap of 0 or more, and the id of a key."
            )

    def to_json(self) -> str:
        """JSON text of all fields."""
        return json.dumps(dataclasses.asdict(self), indent=2)


def announce(
    source: str,
    private: Ed25519PrivateKey,
    *,
    valid_from: int,
    valid_until: int,
    replaces: Ed25519PrivateKey | None = None,
    overlap: int = 0,
) -> Announcement:
    """Announce a key, signed with it and with the private key it replaces.

    Raises
    ------
    Rejected, KeyRefused
        As `Announcement.check_fields`.
    """
    said = Announcement(
        source=source,
        public=public_text(private),
        valid_from=valid_from,
        valid_until=valid_until,
        replaces="" if replaces is None else key_id_of(public_text(replaces)),
        overlap=overlap,
    )
    said.check_fields()
    message = said.message()
    proof = sign_bytes(private, message)
    endorsement = "" if replaces is None else sign_bytes(replaces, message)
    return dataclasses.replace(said, proof=proof, endorsement=endorsement)


def read_announcement(text: str, *, source: str = "announcement") -> Announcement:
    """Restore what `Announcement.to_json` gave, and check it.

    Raises
    ------
    KeyRefused
        When it is malformed, or its proof is not valid.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        kinds = {field.name: field.type for field in dataclasses.fields(Announcement)}
        wrong = [k for k, v in found.items() if type(v).__name__ != kinds[k]]
        said = Announcement(**found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyRefused(
            f"{source}: no announcement of a key ({error!r}). "
            "Give the .pub file that `consilience keys new` wrote."
        ) from error
    if wrong:
        raise KeyRefused(
            f"{source}: fields {', '.join(wrong)} are of the wrong type. "
            "Give the .pub file that `consilience keys new` wrote."
        )
    return said.check()
