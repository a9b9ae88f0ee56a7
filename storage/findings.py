"""What is wrong with a store: one finding per object, with what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from icechunk import IcechunkError

from storage.errors import StorageError

__all__ = ["CHECKS", "DAMAGE", "Finding", "is_panic"]

CHECKS: dict[str, str] = {
    "store": "Restore the store from a copy.",
    "row": "Restore the store from a copy, or sync it with another store.",
    "arrays": "Have the shard sent again, or restore the store from a copy.",
    "order": "Have the shard sent again: it was changed after it was taken in.",
    "ledger": "Restore the store from a copy, or sync it with another store.",
    "signature": "Have it sent again with a valid signature; do not use it till then.",
    "document": "Restore the store from a copy.",
    "summary": "Restore the store from a copy; reading it is refused until then.",
    "result": "Run the night again with --force, or restore the store from a copy.",
    "keys": "Restore the store from a copy; accept nothing signed until then.",
    "history": "Restore the store from a copy; what is newest may still be read.",
    "tag": "Restore the store from a copy, or run the night again.",
    "published": "Run the night again with --force, or restore the store from a copy.",
}
"""Name of every check, and what to do when it finds something."""

DAMAGE = (StorageError, IcechunkError, ValueError, KeyError, TypeError)
"""What reading damaged bytes raises; Icechunk's own panics beside it: `is_panic`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes
    ----------
    object : str
        Path of what was looked at.
    check : str
        One of `CHECKS`.
    expected, found : str
    """

    object: str
    check: str
    expected: str
    found: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return CHECKS[self.check]

    def as_dict(self) -> dict[str, str]:
        """Plain values, with the remedy."""
        return asdict(self) | {"remedy": self.remedy}

    def __str__(self) -> str:
        return (
            f"{self.object}: {self.check}: found {self.found}, expected "
            f"{self.expected}. {self.remedy}"
        )


def is_panic(error: BaseException) -> bool:
    """Tell whether an error is Icechunk giving up inside: damage it did not expect."""
    return type(error).__name__ in ("RustPanic", "PanicException")
