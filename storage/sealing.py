"""Seal metadata documents, so that a damaged one is refused like a damaged chunk.

Icechunk keeps the document of every group and array inside its snapshot objects, which
carry no checksum: a flipped bit there can come back as another number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from storage.errors import Corrupt

__all__ = ["sealed", "unsealed"]

_SEAL = "seal"


def _digest(document: Mapping[str, Any], attributes: Mapping[str, Any]) -> str:
    whole = {**document, "attributes": attributes}
    text = json.dumps(whole, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sealed(document: Mapping[str, Any]) -> bytes:
    """Return a zarr document as JSON, with a digest of it among its attributes."""
    attributes = dict(document.get("attributes", {}))
    seal = {_SEAL: _digest(document, attributes)}
    whole = {**document, "attributes": {**attributes, **seal}}
    return json.dumps(whole, allow_nan=False).encode()


def unsealed(data: bytes, path: str) -> dict[str, Any]:
    """Restore the document that `sealed` was given.

    Raises
    ------
    Corrupt
        When it does not parse or is not the one that was sealed.
    """
    try:
        document: dict[str, Any] = json.loads(data)
        attributes = dict(document["attributes"])
        stated, found = attributes.pop(_SEAL), _digest(document, attributes)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, f"is not what was written ({error!r})") from error
    if stated != found:
        raise _damaged(path, f"has the digest {found}, was written with {stated}")
    return {**document, "attributes": attributes}


def _damaged(path: str, what: str) -> Corrupt:
    return Corrupt(
        f"{path or '/'}: metadata {what}. Run `consilience verify` and restore the "
        "store from a copy."
    )
