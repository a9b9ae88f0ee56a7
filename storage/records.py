"""What a shard is: its key, version, ledger row and arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from storage.errors import Corrupt
from storage.identity import SAFE_NAME, ShardKey, Version, check_name

__all__ = [
    "SAFE_NAME",
    "SeqSpan",
    "ShardData",
    "ShardKey",
    "ShardRow",
    "Version",
    "check_name",
]


@dataclass(frozen=True, slots=True)
class SeqSpan:
    """Numbers that a source gave to the rows of a table.

    Attributes
    ----------
    epoch : int
        Of the source's counter.
    first, last : int
        Smallest and largest seq, both included.
    """

    epoch: int
    first: int
    last: int

    @classmethod
    def from_attribute(cls, found: Any) -> Self | None:
        """Restore what `ShardRow.to_attributes` wrote; None without numbers."""
        return None if found is None else cls(*(int(number) for number in found))


@dataclass(frozen=True, slots=True)
class ShardRow:
    """Ledger row of a stored shard version: the attributes of its group.

    Attributes
    ----------
    key, version : ShardKey, Version
    sha256 : str
        Hash of the canonical bytes, 64 hexadecimal digits.
    kind : str
        ``data`` for behaviour, ``table`` for evidence; ``manifest`` and
        ``retraction`` hold no arrays.
    n : int
        Rows present, also those without a value.
    observed : tuple of int, length d
        Rows that are not missing, per feature; none for a table.
    agents : int
        Length of the agent axis; of a table, how many agents it speaks of.
    event_end, ingested_at : int
        Nanoseconds UTC: end of the night's events, and when it was taken in.
    issuer : str
        ``site``, ``ingest`` when the site gave no version, or ``nightly`` for what a
        run itself says.
    schema : int
        Number of the schema the arrays follow.
    chunk_count : int
        Stored chunks over all arrays of the group.
    path : str
        Where the group lies; never interpreted.
    signature, signer : str
        Signature that was verified when the shard was taken in, and the id of its key;
        empty for one that is not signed.
    numbers : SeqSpan, optional
        Of the rows of a table.
    deps : tuple of str
        Versions it was computed from, ``site/epoch-seq`` each.
    said : str
        Content of a manifest or retraction, canonical JSON; else empty.
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
    signature: str = ""
    signer: str = ""
    numbers: SeqSpan | None = None
    deps: tuple[str, ...] = ()
    said: str = ""

    @property
    def status(self) -> str:
        """``signed`` or ``unsigned``."""
        return "signed" if self.signature else "unsigned"

    def to_attributes(self) -> dict[str, Any]:
        """Plain values for the group attributes."""
        span = self.numbers
        optional = {
            "signature": self.signature or None,
            "signer": self.signer or None,
            "numbers": None if span is None else [span.epoch, span.first, span.last],
            "deps": list(self.deps) or None,
            "said": self.said or None,
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return given | {
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
                signature=str(found.get("signature", "")),
                signer=str(found.get("signer", "")),
                numbers=SeqSpan.from_attribute(found.get("numbers")),
                deps=tuple(str(one) for one in found.get("deps", ())),
                said=str(found.get("said", "")),
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
