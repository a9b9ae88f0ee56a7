"""What a site says of its own shards, without arrays: manifests and retractions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from storage.errors import Rejected
from storage.identity import SAFE_NAME

__all__ = [
    "MANIFEST",
    "STATEMENTS",
    "Statement",
    "manifest_of",
    "restored",
    "retraction_of",
]

MANIFEST = "manifest"
"""Name of the part that a night's manifest is; no other shard may have it."""
STATEMENTS = ("manifest", "retraction")
"""Kinds of ledger rows that hold no arrays."""
MAX_ITEMS = 10_000
"""Parts or void numbers that one manifest may list."""
_MAX_REASON = 500
_FIELDS = ("agents", "closed", "parts", "previous_end", "seq_high", "void")
_LIMITS = {"agents": 2**62, "seq_high": 2**53, "previous_end": 2**53}


@dataclass(frozen=True, slots=True)
class Statement:
    """Content of a manifest or a retraction.

    Attributes
    ----------
    kind : {"manifest", "retraction"}
    said : str
        Canonical JSON: a manifest's ``agents``, ``closed``, ``parts``,
        ``previous_end``, ``seq_high`` and ``void``; a retraction's ``reason``.
    """

    kind: Literal["manifest", "retraction"]
    said: str

    @property
    def sha256(self) -> str:
        """Hash of the canonical bytes."""
        return hashlib.sha256(self.canonical_bytes()).hexdigest()

    def canonical_bytes(self) -> bytes:
        """Bytes that depend on the content alone."""
        return f"consilience {self.kind} 1\n{self.said}".encode()


def manifest_of(fields: Mapping[str, Any], source: str) -> Statement:
    """Check the fields of a manifest and write them canonically.

    Parameters
    ----------
    fields : mapping
        ``parts`` (list of names) is required; ``agents``, ``seq_high`` and
        ``previous_end`` are whole numbers or absent, ``void`` a list of them,
        ``closed`` true or false.
    source : str
        File, for errors.

    Raises
    ------
    Rejected
        ``missing-column``, ``unknown-feature``, ``dtype``, ``range`` or
        ``unsafe-name``.
    """
    unknown = sorted(set(fields) - set(_FIELDS))
    if unknown:
        raise _refused("unknown-feature", unknown[0], "a field", _FIELDS, source)
    if "parts" not in fields:
        raise _refused(
            "missing-column", "parts", "no list", "a list of names, also []", source
        )
    said = {
        "parts": _names(fields["parts"], source),
        "void": sorted(set(_numbers(fields.get("void", []), source))),
        "closed": _flag(fields.get("closed", False), source),
        **{name: _number(fields.get(name), name, source) for name in _LIMITS},
    }
    return Statement("manifest", _canonical(said))


def retraction_of(fields: Mapping[str, Any], source: str) -> Statement:
    """Check the one field of a retraction: ``reason``, text that may be absent.

    Raises
    ------
    Rejected
        ``unknown-feature``, ``dtype`` or ``range``.
    """
    unknown = sorted(set(fields) - {"reason"})
    if unknown:
        raise _refused("unknown-feature", unknown[0], "a field", ("reason",), source)
    reason = fields.get("reason", "")
    if not isinstance(reason, str):
        raise _refused("dtype", "reason", repr(reason), "text", source)
    if len(reason) > _MAX_REASON:
        found = f"{len(reason)} characters"
        raise _refused("range", "reason", found, f"at most {_MAX_REASON}", source)
    return Statement("retraction", _canonical({"reason": reason}))


def restored(kind: str, said: str, source: str) -> Statement:
    """Restore a statement from its canonical JSON, after every check of its fields.

    Raises
    ------
    Rejected
        As making it does; ``unreadable`` when it is not in canonical form.
    """
    try:
        fields = json.loads(said)
        made = manifest_of if kind == "manifest" else retraction_of
        found = made(fields, source)
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, Rejected):
            raise
        raise _refused(
            "unreadable", "said", said[:80], "a statement", source
        ) from error
    if found.said != said:
        raise _refused("unreadable", "said", said[:80], found.said[:80], source)
    return found


def _canonical(said: Mapping[str, Any]) -> str:
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def _names(value: object, source: str) -> list[str]:
    names = _list(value, "parts", source)
    for name in names:
        if not isinstance(name, str):
            raise _refused("dtype", "parts", repr(name), "names of parts", source)
        if SAFE_NAME.fullmatch(name) is None or name == MANIFEST:
            expected = f"names like {SAFE_NAME.pattern}, and not {MANIFEST!r}"
            raise _refused("unsafe-name", "parts", repr(name), expected, source)
    return sorted(set(names))


def _numbers(value: object, source: str) -> list[int]:
    found = _list(value, "void", source)
    return [number for one in found for number in [_number(one, "void", source)]
            if number is not None]  # fmt: skip


def _list(value: object, name: str, source: str) -> list[Any]:
    if not isinstance(value, list):
        raise _refused("dtype", name, repr(value)[:80], "a list", source)
    if len(value) > MAX_ITEMS:
        found = f"{len(value)} items"
        raise _refused("range", name, found, f"at most {MAX_ITEMS}", source)
    return value


def _number(value: object, name: str, source: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _refused("dtype", name, repr(value)[:80], "a whole number", source)
    limit = _LIMITS.get(name, 2**53)
    if not 0 <= value < limit:
        raise _refused("range", name, str(value), f"0 <= {name} < {limit}", source)
    return value


def _flag(value: object, source: str) -> bool:
    if not isinstance(value, bool):
        raise _refused("dtype", "closed", repr(value)[:80], "true or false", source)
    return value


def _refused(
    reason: str, column: str, value: str, expected: object, source: str
) -> Rejected:
    listed = ", ".join(expected) if isinstance(expected, tuple) else str(expected)
    return Rejected(
        reason, source=source, column=column, value=value, expected=listed,
        remedy="Correct the file.",
    )  # fmt: skip
