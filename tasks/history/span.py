"""Which nights an investigation shows, and which before them say what is usual."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stats.ranges import MIN_NIGHTS

__all__ = ["LONGEST", "SHOWN", "BadRange", "Span", "choose_span"]

SHOWN = 60
"""Delivered nights shown when no first night is given."""
LONGEST = 800
"""Nights an investigation may span."""


class BadRange(ValueError):
    """The nights that were asked for cannot be investigated."""

    kind: ClassVar[str] = "bad_range"


@dataclass(frozen=True, slots=True)
class Span:
    """Nights `since` to `until` are shown; those from `first` on come before them."""

    first: str
    since: str
    until: str

    @property
    def before(self) -> int:
        """Nights before `until` down to `first`."""
        return (_date(self.until) - _date(self.first)).days


def _date(night: str) -> dt.date:
    return dt.date.fromisoformat(night)


def choose_span(
    delivered: Sequence[str], since: str | None, until: str | None, *, window: int
) -> Span:
    """Choose the nights to show and the window before them.

    Parameters
    ----------
    delivered : sequence of str
        Nights that any site delivered, sorted, at least one.
    since, until : str or None
        ISO dates, both included.  Without `until` the last delivered night; without
        `since` the last 60 delivered nights, but no more than leave half of all, and
        14, for what is usual.
    window : int
        Calendar nights before `since` that say what is usual.

    Raises
    ------
    BadRange
        When the range is backwards, too long, or holds no delivered night.

    Examples
    --------
    >>> nights = [f"2026-03-{day:02d}" for day in range(1, 25)]
    >>> choose_span(nights, None, None, window=60)
    Span(first='2026-03-01', since='2026-03-15', until='2026-03-24')
    """
    last = delivered[-1] if until is None else until
    known = [night for night in delivered if night <= last]
    if since is None:
        kept = max(MIN_NIGHTS, len(known) // 2)
        shown = min(SHOWN, len(known) - kept) if len(known) > kept else SHOWN
        first_shown = known[-shown:][0] if known else last
    else:
        first_shown = since
    if first_shown > last:
        raise BadRange(
            f"investigate: the range runs from {first_shown} to {last}, backwards. "
            "Give the first night as --from and the last as --to."
        )
    length = (_date(last) - _date(first_shown)).days + 1
    if length > LONGEST:
        raise BadRange(
            f"investigate: {length} nights from {first_shown} to {last}, at most "
            f"{LONGEST} can be shown. Give a shorter range."
        )
    if not any(first_shown <= night <= last for night in delivered):
        raise BadRange(
            f"investigate: no site delivered a night from {first_shown} to {last}; "
            f"the store holds {delivered[0]} to {delivered[-1]}. "
            "Give a range with delivered nights."
        )
    earliest = (_date(first_shown) - dt.timedelta(days=window)).isoformat()
    first = min(first_shown, max(earliest, delivered[0]))
    return Span(first, first_shown, last)
