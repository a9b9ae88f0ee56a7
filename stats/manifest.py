"""What a site says of its own shards: a manifest of a night, and what one came from."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from stats.summary import InvalidInput

__all__ = ["MANIFEST", "Manifest", "Note", "note_text", "read_note"]

MANIFEST = "manifest"
"""Name of the part that a night's manifest is; reserved."""
MAX_NOTE = 2**18
"""Characters of the longest note."""
_SEQ = 2**53
_DEPENDENCY = re.compile(r"([^/\0]+)/(\d{1,10})-(\d{1,16})")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a site says of one of its nights.

    Attributes
    ----------
    parts : tuple of str
        Parts that the night has, sorted; none is a night without data.
    agents : int, optional
        Agents expected of the site, its share in every mean over all sites.
    seq_high : int
        Highest seq issued in this epoch so far.
    void : tuple of int
        Numbers of this epoch that will never come, sorted.
    closed : bool
        The site delivers nothing after this night: it leaves the roster.
    previous_end : int, optional
        Seq at which the epoch before this one ended, in the first manifest after a
        rebuild: what is missing below it is lost, and not awaited.

    Raises
    ------
    InvalidInput
        For numbers out of range, or lists that are not sorted or say a thing twice.
    """

    parts: tuple[str, ...] = ()
    agents: int | None = None
    seq_high: int = 0
    void: tuple[int, ...] = ()
    closed: bool = False
    previous_end: int | None = None

    def __post_init__(self) -> None:
        numbers = (self.seq_high, self.previous_end or 0, *self.void)
        good = all(0 <= number < _SEQ for number in numbers)
        if not good or not 0 <= (self.agents or 0) < 2**62:
            raise InvalidInput(
                f"Manifest: agents {self.agents}, numbers {numbers[:5]}: agents lie in "
                "[0, 2^62), every seq in [0, 2^53). Reject it at ingest."
            )
        for name in ("parts", "void"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)):
                raise InvalidInput(
                    f"Manifest: {name} {values[:5]} are not sorted, or say a thing "
                    "twice. Sort them, each once."
                )


@dataclass(frozen=True, slots=True)
class Note:
    """What the header of a version says beside its identity.

    Attributes
    ----------
    deps : tuple of (site, epoch, seq)
        Versions it was computed from.
    manifest : Manifest, optional
    """

    deps: tuple[tuple[str, int, int], ...] = ()
    manifest: Manifest | None = field(default=None)


def note_text(manifest: Manifest | None = None, deps: Sequence[str] = ()) -> str:
    """Write a note as canonical JSON; empty when there is nothing to say.

    Parameters
    ----------
    manifest : Manifest, optional
    deps : sequence of str
        ``site/epoch-seq`` each, in any order.

    Examples
    --------
    >>> note_text(deps=["b/0-2", "a/1-7"])
    '{"deps":["a/1-7","b/0-2"]}'
    """
    said: dict[str, Any] = {}
    if deps:
        said["deps"] = sorted(set(deps))
    if manifest is not None:
        said["manifest"] = asdict(manifest)
    return json.dumps(said, sort_keys=True, separators=(",", ":")) if said else ""


@functools.lru_cache(maxsize=4096)
def read_note(text: str) -> Note:
    """Restore what `note_text` gave.

    Raises
    ------
    InvalidInput
        When it is malformed, or longer than `MAX_NOTE`.

    Examples
    --------
    >>> read_note('{"deps":["a/1-7"]}').deps
    (('a', 1, 7),)
    """
    if not text:
        return Note()
    try:
        return _note(text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            f"note {text[:40]!r}: {error}. Write it with `note_text`."
        ) from error


def _note(text: str) -> Note:
    if len(text) > MAX_NOTE:
        raise ValueError(f"{len(text)} characters, at most {MAX_NOTE}")
    said = json.loads(text)
    manifest = said.pop("manifest", None)
    deps = tuple(_dependency(one) for one in said.pop("deps", ()))
    if said:
        raise ValueError(f"unknown fields {sorted(said)}")
    return Note(deps, None if manifest is None else _manifest(manifest))


def _manifest(said: dict[str, Any]) -> Manifest:
    given = {one.name: said.pop(one.name) for one in fields(Manifest)}
    if said:
        raise ValueError(f"unknown fields {sorted(said)}")
    texts, numbers = given["parts"], (*given["void"], given["seq_high"])
    optional = [given[name] for name in ("agents", "previous_end")]
    good = (
        isinstance(texts, list)
        and all(isinstance(one, str) for one in texts)
        and all(type(one) is int for one in numbers)
        and all(one is None or type(one) is int for one in optional)
        and isinstance(given["closed"], bool)
    )
    if not good:
        raise TypeError("a field is of the wrong type")
    return Manifest(**given | {"parts": tuple(texts), "void": tuple(given["void"])})


def _dependency(text: str) -> tuple[str, int, int]:
    found = _DEPENDENCY.fullmatch(text)
    if found is None:
        raise ValueError(f"dependency {text!r} is not site/epoch-seq")
    return found[1], int(found[2]), int(found[3])
