"""What one pass over a shard gives: two exact summaries per team, one per agent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.labelled import Labelled
from stats.moments import GroupMoments
from stats.quantiles import GroupQuantiles
from stats.shard_moments import ShardMoments
from stats.summary import merge_all, pack

__all__ = ["AgentHistory", "ShardSummary"]


@dataclass(frozen=True, slots=True)
class ShardSummary:
    """Moments and counts per bin of every team; they are kept as two checkpoints."""

    moments: Labelled[ShardMoments]
    quantiles: Labelled[GroupQuantiles]

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    def empty(self) -> Self:
        """Nothing seen, no teams."""
        return type(self)(self.moments.empty(), self.quantiles.empty())

    def merge(self, other: Self) -> Self:
        """Join both parts by team."""
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        return cls(
            merge_all([item.moments for item in many]),
            merge_all([item.quantiles for item in many]),
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of both parts, keys prefixed with the part's name and a dot."""
        parts = (("moments", self.moments), ("quantiles", self.quantiles))
        return {
            f"{name}.{key}": value
            for name, part in parts
            for key, value in part.to_arrays().items()
        }

    def digest(self) -> str:
        """SHA-256 of both states, hexadecimal."""
        both = self.moments.digest() + self.quantiles.digest()
        return hashlib.sha256(both.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AgentHistory:
    """Moments of every agent over nights, and the team it was last seen in.

    Attributes
    ----------
    moments : Labelled[GroupMoments]
        Raw features, one observation per time step; no cross products.
    last : int64 array, shape (agents,)
        Ordinal of the last night.
    teams : str array, shape (agents,)
        Team of that night; of two on one night the one that sorts last.
    """

    moments: Labelled[GroupMoments]
    last: NDArray[np.int64]
    teams: NDArray[np.str_]

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the agents, sorted."""
        return self.moments.labels

    @property
    def groups(self) -> GroupMoments:
        """Moments in the order of the names."""
        return self.moments.groups

    def empty(self) -> Self:
        """Nothing seen, no agents."""
        return type(self)(self.moments.empty(), self.last[:0], self.teams[:0])

    def merge(self, other: Self) -> Self:
        """Join by name; the newer night names the team."""
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        names = np.array([name for item in many for name in item.labels], np.str_)
        last = np.concatenate([item.last for item in many])
        teams = np.concatenate([item.teams for item in many])
        order = np.lexsort((teams, last, names))
        names = names[order]
        newest = order[
            np.append(names[1:] != names[:-1], np.ones(len(names[:1]), bool))
        ]
        joined = merge_all([item.moments for item in many])
        return cls(joined, last[newest], teams[newest])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State of the moments plus nights and teams, JSON in UTF-8 bytes."""
        text = json.dumps(self.teams.tolist(), ensure_ascii=False)
        teams = np.frombuffer(text.encode(), dtype=np.uint8)
        return {"last": self.last, "teams": teams, **self.moments.to_arrays()}

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        state = pack(self.to_arrays(), kind="AgentHistory", version=self.state_version)
        return hashlib.sha256(state).hexdigest()
