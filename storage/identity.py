"""What names a shard and its version: safe as paths, ordered as issued."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from storage.errors import Rejected

__all__ = ["SAFE_NAME", "ShardKey", "Version", "check_name"]

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EPOCH_LIMIT = 2**31
_SEQ_LIMIT = 2**53


def check_name(value: str, *, column: str, source: str) -> str:
    """Return `value` when it is safe as part of a path.

    Raises
    ------
    Rejected
        Reason ``unsafe-name``.
    """
    if SAFE_NAME.fullmatch(value) is None:
        raise Rejected(
            "unsafe-name",
            source=source,
            column=column,
            value=repr(value),
            expected=f"a name like {SAFE_NAME.pattern}",
            remedy="Rename it: it becomes part of a path.",
        )
    return value


def _check_night(value: str, source: str) -> None:
    try:
        good = dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        good = False
    if not good:
        raise Rejected(
            "unsafe-name",
            source=source,
            column="night",
            value=repr(value),
            expected="a date as YYYY-MM-DD",
            remedy="State the night as an ISO date: it becomes part of a path.",
        )


@dataclass(frozen=True, slots=True, order=True)
class ShardKey:
    """What a shard describes: one part of one site's night.

    Attributes
    ----------
    dataset, site, part : str
        Names safe as paths.
    night : str
        Date of the events, ``YYYY-MM-DD``.

    Raises
    ------
    Rejected
        Reason ``unsafe-name``.
    """

    dataset: str
    site: str
    night: str
    part: str = "0"

    def __post_init__(self) -> None:
        for column in ("dataset", "site", "part"):
            check_name(getattr(self, column), column=column, source="ShardKey")
        _check_night(self.night, "ShardKey")

    def __str__(self) -> str:
        return f"{self.dataset}/{self.site}/{self.night}/{self.part}"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Version of a shard as its site issued it; ordered by (epoch, seq).

    Attributes
    ----------
    epoch : int
        Below 2**31; grows when a site is rebuilt and may have lost its counter.
    seq : int
        Below 2**53; grows by one with every version the site emits.

    Raises
    ------
    Rejected
        Reason ``range``.
    """

    epoch: int = 0
    seq: int = 1

    def __post_init__(self) -> None:
        for column, limit in (("epoch", _EPOCH_LIMIT), ("seq", _SEQ_LIMIT)):
            value = getattr(self, column)
            if not 0 <= value < limit:
                raise Rejected(
                    "range",
                    source="Version",
                    column=column,
                    value=str(value),
                    expected=f"0 <= {column} < {limit}",
                    remedy="Issue versions from a counter of the site.",
                )

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"
