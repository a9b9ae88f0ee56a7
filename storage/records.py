"""What a shard is: its key, version, ledger row and arrays."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.errors import Corrupt, Rejected

__all__ = ["SAFE_NAME", "ShardData", "ShardKey", "ShardRow", "Version", "check_name"]

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


@dataclass(frozen=True, slots=True)
class ShardRow:
    """Ledger row of a stored shard version: the attributes of its group.

    Attributes
    ----------
    key, version : ShardKey, Version
    sha256 : str
        Hash of the canonical bytes, 64 hexadecimal digits.
    kind : str
        ``data``.
    n : int
        Rows present, also those without a value.
    observed : tuple of int, length d
        Rows that are not missing, per feature.
    agents : int
        Length of the agent axis.
    event_end, ingested_at : int
        Nanoseconds UTC: end of the night's events, and when it was taken in.
    issuer : str
        ``site``, or ``ingest`` when the site gave no version.
    schema : int
        Number of the schema the arrays follow.
    chunk_count : int
        Stored chunks over all arrays of the group.
    path : str
        Where the group lies; never interpreted.
    """

    key: ShardKey
    version: Version
    sha256: str
    kind: str
    n: int
    observed: tuple[int, ...]
    agents: int
    event_end: int
    ingested_at: int
    issuer: str
    schema: int
    chunk_count: int
    path: str

    def to_attributes(self) -> dict[str, Any]:
        """Plain values for the group attributes."""
        return {
            "kind": self.kind,
            "dataset": self.key.dataset,
            "site": self.key.site,
            "night": self.key.night,
            "part": self.key.part,
            "epoch": self.version.epoch,
            "seq": self.version.seq,
            "sha256": self.sha256,
            "n": self.n,
            "observed": list(self.observed),
            "agents": self.agents,
            "event_end": self.event_end,
            "ingested_at": self.ingested_at,
            "issuer": self.issuer,
            "schema": self.schema,
            "chunk_count": self.chunk_count,
        }

    @classmethod
    def from_attributes(cls, found: dict[str, Any], path: str) -> ShardRow:
        """Restore a row from the attributes of the group at `path`.

        Raises
        ------
        Corrupt
            When a field is missing or malformed.
        """
        try:
            return cls(
                key=ShardKey(
                    found["dataset"], found["site"], found["night"], found["part"]
                ),
                version=Version(int(found["epoch"]), int(found["seq"])),
                sha256=str(found["sha256"]),
                kind=str(found["kind"]),
                n=int(found["n"]),
                observed=tuple(int(n) for n in found["observed"]),
                agents=int(found["agents"]),
                event_end=int(found["event_end"]),
                ingested_at=int(found["ingested_at"]),
                issuer=str(found["issuer"]),
                schema=int(found["schema"]),
                chunk_count=int(found["chunk_count"]),
                path=path,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Corrupt(
                f"ledger row at {path}: malformed attributes ({error!r}). "
                "Run `consilience verify` and have the shard sent again."
            ) from error


@dataclass(frozen=True, slots=True, eq=False)
class ShardData:
    """Arrays of a shard, or of some of its agents.

    Attributes
    ----------
    values : float64 or float32 array, shape (agent, time, feature)
        NaN is missing.
    count : uint32 array, shape (agent, time)
        Rows present: 0 where nothing was delivered, also 1 where all values miss.
    agents, entities : str array, shape (agent,)
        Ids; the entity is what an agent belongs to across teams, by default itself.
    team : int32 array, shape (agent,)
        Place in `team_names`.
    team_names : str array, shape (team,)
        Sorted, of the whole shard, also when this is a block of it.
    times : int64 array, shape (time,)
        The schema's time axis.
    """

    values: NDArray[np.floating[Any]]
    count: NDArray[np.uint32]
    agents: NDArray[np.str_]
    entities: NDArray[np.str_]
    team: NDArray[np.int32]
    team_names: NDArray[np.str_]
    times: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Rows present."""
        return int(self.count.sum(dtype=np.int64))

    def observed(self) -> tuple[int, ...]:
        """Rows that are not missing, per feature."""
        seen = ~np.isnan(self.values)
        return tuple(int(k) for k in seen.sum(axis=(0, 1), dtype=np.int64))

    def take(self, order: NDArray[np.int64]) -> ShardData:
        """Return the agents at `order`, in that order."""
        return ShardData(
            self.values[order],
            self.count[order],
            self.agents[order],
            self.entities[order],
            self.team[order],
            self.team_names,
            self.times,
        )

    def __repr__(self) -> str:
        return (
            f"ShardData: n={self.n:_} | agents={len(self.agents):_} | "
            f"teams={len(self.team_names)} | features={self.values.shape[2]}"
        )
