"""Nights as dates: which lie between two, and when one ends."""

from __future__ import annotations

import numpy as np

from stats.summary import InvalidInput

__all__ = ["DAY", "night_before", "night_end", "nights_between"]

DAY = 86_400_000_000_000
"""Nanoseconds."""


def night_end(night: str) -> int:
    """Nanoseconds UTC of the midnight that ends a night.

    Raises
    ------
    InvalidInput
        When it is not a date as YYYY-MM-DD.

    Examples
    --------
    >>> night_end("1970-01-02")
    172800000000000
    """
    return (_number(night) + 1) * DAY


def night_before(moment: int) -> str:
    """Last night that had ended at a moment, nanoseconds UTC.

    Examples
    --------
    >>> night_before(night_end("2026-03-08")), night_before(night_end("2026-03-08") - 1)
    ('2026-03-08', '2026-03-07')
    """
    return str(np.datetime64(moment // DAY - 1, "D"))


def nights_between(first: str, last: str) -> tuple[str, ...]:
    """Every night from one to another, both included; none when they are reversed.

    Raises
    ------
    InvalidInput
        When one of them is not a date as YYYY-MM-DD.

    Examples
    --------
    >>> nights_between("2026-02-28", "2026-03-01")
    ('2026-02-28', '2026-03-01')
    """
    numbers = range(_number(first), _number(last) + 1)
    return tuple(str(np.datetime64(number, "D")) for number in numbers)


def _number(night: str) -> int:
    """Days since 1970."""
    try:
        found = np.datetime64(night, "D")
        if str(found) == night and not np.isnat(found):
            return int(found.astype(np.int64))
    except ValueError:
        pass
    raise InvalidInput(f"night {night!r}: not a date. Give it as YYYY-MM-DD.")
