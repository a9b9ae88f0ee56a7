"""Hold what a landing file says of itself against clock, disk and content."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from storage.errors import Rejected
from storage.records import ShardRow
from storage.sources import Header

__all__ = [
    "DAY",
    "check_clock",
    "check_stated",
    "check_unchanged",
    "end_of_events",
    "fingerprint",
    "midnight",
]

DAY = 86_400_000_000_000
"""Nanoseconds."""
_HOUR = 3_600_000_000_000
_AHEAD = 25 * _HOUR
_NIGHTS = 400


def fingerprint(path: Path) -> tuple[int, int, int]:
    """Size, time and place of a file, to see whether it changes.

    Raises
    ------
    Rejected
        Reason ``unreadable``.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise Rejected(
            "unreadable",
            source=str(path),
            value=str(error),
            expected="a file",
            remedy="Check the path and its permissions.",
        ) from error
    return found.st_size, found.st_mtime_ns, found.st_ino


def check_unchanged(path: Path, before: tuple[int, int, int]) -> None:
    """Refuse a file that is not as `fingerprint` found it.

    Raises
    ------
    Rejected
        Reason ``changed-while-reading``.
    """
    now = fingerprint(path)
    if now != before:
        raise Rejected(
            "changed-while-reading",
            source=str(path),
            value=f"size and time {now[:2]}",
            expected=f"{before[:2]}, as when reading began",
            remedy="Write files under another name and rename them when complete.",
        )


def midnight(night: str) -> int:
    """Nanoseconds UTC of the first moment of a night's date."""
    day = dt.date.fromisoformat(night) - dt.date(1970, 1, 1)
    return day.days * DAY


def end_of_events(header: Header, night: str, source: str) -> int:
    """End of the events: as stated, else midnight after the night's date in UTC.

    Raises
    ------
    Rejected
        Reason ``night-mismatch`` when it is stated far from the night.
    """
    start = midnight(night)
    if header.event_end is None:
        return start + DAY
    if not start - DAY <= header.event_end <= start + 3 * DAY:
        raise Rejected(
            "night-mismatch",
            source=source,
            column="event_end",
            value=str(header.event_end),
            expected=f"{start - DAY} to {start + 3 * DAY} for {night}",
            remedy="State when the events of the night ended, in nanoseconds UTC.",
        )
    return header.event_end


def check_clock(
    night: str, event_end: int, now: int, source: str, *, historical: bool = False
) -> None:
    """Refuse events that end in the future, and nights far from now.

    Nights of a historical dataset may be as old as they are.

    Raises
    ------
    Rejected
        Reason ``clock-skew``.
    """
    if event_end > now + _AHEAD:
        raise Rejected(
            "clock-skew",
            source=source,
            column="event_end",
            value=f"{(event_end - now) / _HOUR:.1f} h after now",
            expected="at most 25 h after now",
            remedy="Check the clocks of the site and of this machine.",
        )
    away = (now - midnight(night)) // DAY
    if abs(away) > _NIGHTS and not (historical and away > 0):
        raise Rejected(
            "clock-skew",
            source=source,
            column="night",
            value=f"{night}, {away} days before now",
            expected=f"within {_NIGHTS} days of now",
            remedy="In a replay give the replayed time as now; for an archive declare "
            "the dataset historical in its schema.",
        )


def check_stated(header: Header, row: ShardRow, source: str) -> None:
    """Compare hash and number of rows with what the header says of them.

    Raises
    ------
    Rejected
        Reason ``hash-mismatch``.
    """
    for column, stated, found in (
        ("sha256", header.sha256, row.sha256),
        ("n", header.n, row.n),
    ):
        if stated is not None and stated != found:
            raise Rejected(
                "hash-mismatch",
                source=source,
                column=column,
                value=str(found),
                expected=f"{stated}, as its header states",
                remedy="Send file and header again, together.",
            )
