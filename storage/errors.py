"""Typed errors of the storage layer, grouped by what a caller can do about them."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "REASONS",
    "Archived",
    "Conflict",
    "Corrupt",
    "ExportRefused",
    "KeyRefused",
    "Locked",
    "NotFound",
    "Rejected",
    "StorageError",
    "StoreFormat",
    "TooLate",
    "Unauthorized",
    "Unreachable",
]

REASONS: tuple[str, ...] = (
    "agent-in-two-teams",
    "changed-while-reading",
    "clock-skew",
    "dtype",
    "duplicate-row",
    "empty",
    "hash-mismatch",
    "missing-column",
    "night-mismatch",
    "non-finite",
    "range",
    "signature",
    "time-axis",
    "unknown-feature",
    "unknown-type",
    "unreadable",
    "unsafe-name",
    "wrong-dataset",
)
"""Reason codes of `Rejected`; append-only, a code is never renamed."""


class StorageError(Exception):
    """Root of every error of the storage layer.

    Attributes
    ----------
    kind : str
        Stable code, never renamed.
    """

    kind: ClassVar[str] = "storage"


class StoreFormat(StorageError):
    """The store is of another layout, or is not a store of ours."""

    kind: ClassVar[str] = "store_format"


class Corrupt(StorageError):
    """Stored bytes are damaged or incomplete; no number was returned."""

    kind: ClassVar[str] = "corrupt"


class NotFound(StorageError):
    """A store, shard, result or tag does not exist."""

    kind: ClassVar[str] = "not_found"


class Archived(NotFound):
    """Values of a shard were dropped, as retention allows; its summary is kept."""

    kind: ClassVar[str] = "archived"


class Locked(StorageError):
    """Another process holds the committer lock for too long."""

    kind: ClassVar[str] = "locked"


class Conflict(StorageError):
    """Another writer committed the same place again and again; try again later."""

    kind: ClassVar[str] = "conflict"


class TooLate(StorageError):
    """What is needed to apply a change was dropped, as retention allows."""

    kind: ClassVar[str] = "too_late"


class KeyRefused(StorageError):
    """A key cannot be used, registered, rotated or revoked like this."""

    kind: ClassVar[str] = "key_refused"


class Unreachable(StorageError):
    """Another store does not answer; what was committed so far stays."""

    kind: ClassVar[str] = "unreachable"


class ExportRefused(StorageError):
    """An export cannot be written there, or is not complete."""

    kind: ClassVar[str] = "export_refused"


class Unauthorized(StorageError):
    """A token is missing or is not the one the other store expects."""

    kind: ClassVar[str] = "unauthorized"


class Rejected(StorageError, ValueError):
    """Input that was refused before anything was written.

    Attributes
    ----------
    reason : str
        One of `REASONS`.
    source : str
        File, or what the data were called by the caller.
    column : str
        Column or header field at fault; empty when the file as a whole is.
    rows : tuple of int
        First five data rows at fault, counted from 1 without the header line.
    value, expected : str
        What was found and what should have been there.
    remedy : str
        What to do.
    """

    kind: ClassVar[str] = "rejected"

    def __init__(
        self,
        reason: str,
        *,
        source: str,
        column: str = "",
        rows: tuple[int, ...] = (),
        value: str = "",
        expected: str = "",
        remedy: str = "",
    ) -> None:
        if reason not in REASONS:
            raise ValueError(f"Rejected: unknown reason {reason!r}. Add it to REASONS.")
        self.reason = reason
        self.source = source
        self.column = column
        self.rows = tuple(int(row) for row in rows[:5])
        self.value = value
        self.expected = expected
        self.remedy = remedy
        super().__init__(self._text())

    def _text(self) -> str:
        place = f", column {self.column!r}" if self.column else ""
        if self.rows:
            place += f", rows {', '.join(map(str, self.rows))}"
        return (
            f"{self.source}{place}: {self.reason}: found {self.value}, "
            f"expected {self.expected}. {self.remedy}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.as_dict(),)

    def as_dict(self) -> dict[str, object]:
        """Plain fields, as they stand in ``<file>.reason.json``."""
        return {
            "reason": self.reason,
            "source": self.source,
            "column": self.column,
            "rows": list(self.rows),
            "value": self.value,
            "expected": self.expected,
            "remedy": self.remedy,
        }

    def at(self, source: str) -> Rejected:
        """Return the same refusal, said of another source."""
        return Rejected.from_dict(self.as_dict() | {"source": source})

    @classmethod
    def from_dict(cls, fields: dict[str, object]) -> Rejected:
        """Restore what `as_dict` gave."""
        rows = fields["rows"]
        text = {
            name: str(fields[name])
            for name in ("source", "column", "value", "expected", "remedy")
        }
        numbers = tuple(int(row) for row in rows) if isinstance(rows, list) else ()
        return cls(str(fields["reason"]), rows=numbers, **text)


def _rebuild(fields: dict[str, object]) -> Rejected:
    return Rejected.from_dict(fields)
