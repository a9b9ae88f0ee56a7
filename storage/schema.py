"""What a dataset may hold, and the canonical bytes that give a shard its identity."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from storage.errors import (
    REASONS,
    Conflict,
    Corrupt,
    Locked,
    NotFound,
    Rejected,
    StorageError,
    StoreFormat,
)
from storage.evidence_records import EVIDENCE
from storage.records import ShardData, ShardKey, ShardRow, Version, check_name

__all__ = [
    "REASONS",
    "Conflict",
    "Corrupt",
    "Feature",
    "Locked",
    "NotFound",
    "Rejected",
    "Schema",
    "ShardData",
    "ShardKey",
    "ShardRow",
    "StorageError",
    "StoreFormat",
    "Version",
    "canonical_bytes",
    "canonical_order",
    "content_hash",
]

_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Feature:
    """One measured quantity.

    Attributes
    ----------
    name : str
        Safe as a path; a changed unit is a new name.
    unit, label : str
        Unit as text, and the name people read.
    minimum, maximum : float, optional
        Declared range, both ends allowed; None is unbounded.
    transform : {"identity", "asinh", "log1p"}
        Scale on which the feature is compared.
    scale : float
        Where the transform turns from linear to logarithmic, in the unit.
    resolution : float
        Smallest step the feature is recorded in, in the unit; 0 when unknown.
    above, below : str
        Words for values far above and far below the usual.
    origin : float, optional
        Quantiles are resolved relative to the distance from it; None takes the point
        of the declared range nearest to 0.

    Raises
    ------
    Rejected
        Reason ``unsafe-name`` or ``range``.
    """

    name: str
    unit: str
    label: str
    minimum: float | None = None
    maximum: float | None = None
    transform: Literal["identity", "asinh", "log1p"] = "identity"
    scale: float = 1.0
    resolution: float = 0.0
    above: str = ""
    below: str = ""
    origin: float | None = None

    def __post_init__(self) -> None:
        check_name(self.name, column="name", source="Feature")
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        start = 0.0 if self.origin is None else self.origin
        positive = self.scale > 0 and self.resolution >= 0
        if not (low < high and positive and math.isfinite(start)):
            raise Rejected(
                "range",
                source=f"Feature {self.name}",
                value=f"minimum {low}, maximum {high}, scale {self.scale}, "
                f"resolution {self.resolution}, origin {start}",
                expected="minimum < maximum, scale > 0, resolution >= 0, finite origin",
                remedy="Correct the declaration of the feature.",
            )
        if self.transform not in ("identity", "asinh", "log1p"):
            raise Rejected(
                "range",
                source=f"Feature {self.name}",
                column="transform",
                value=repr(self.transform),
                expected="identity, asinh or log1p",
                remedy="Choose one of them.",
            )


@dataclass(frozen=True, slots=True)
class Schema:
    """Features, number type, time axis and words of a dataset.

    Attributes
    ----------
    dataset : str
        Safe as a path.
    features : tuple of Feature, length d
        Order of the feature axis; a file may have its columns in any order.
    dtype : {"float64", "float32"}
        Type of the values; integers that would lose bits are refused.
    times : tuple of int, length t
        Labels of the time axis, strictly increasing.
    agent_noun, agents_noun, entity_noun, entities_noun, team_noun, row_noun : str
        Words for people.
    lead : str
        Feature a report leads with; empty takes the first.
    complete_rows : bool
        A row with any missing feature has all of them set missing; it still counts
        as present.
    historical : bool
        The nights lie in the past on purpose (an archive, an example): a night may be
        any time before now.  Otherwise one far from now is refused as clock skew.

    Raises
    ------
    Rejected
        When the declaration contradicts itself.
    """

    dataset: str
    features: tuple[Feature, ...]
    dtype: Literal["float64", "float32"] = "float64"
    times: tuple[int, ...] = (0,)
    agent_noun: str = "agent"
    agents_noun: str = "agents"
    entity_noun: str = "agent"
    entities_noun: str = "agents"
    team_noun: str = "team"
    row_noun: str = "row"
    lead: str = ""
    complete_rows: bool = True
    historical: bool = False

    def __post_init__(self) -> None:
        check_name(self.dataset, column="dataset", source="Schema")
        names = [feature.name for feature in self.features]
        if self.lead == "" and names:
            object.__setattr__(self, "lead", names[0])
        checks = {
            "dataset": (self.dataset != EVIDENCE, self.dataset),
            "features": (bool(names) and len(set(names)) == len(names), names),
            "times": (_increasing(self.times), self.times),
            "dtype": (self.dtype in ("float64", "float32"), self.dtype),
            "lead": (self.lead in names, self.lead),
        }
        for column, (good, value) in checks.items():
            if not good:
                raise Rejected(
                    "range",
                    source=f"Schema {self.dataset}",
                    column=column,
                    value=str(value),
                    expected="a dataset not called evidence, distinct features, "
                    "increasing times, float64 or float32, a lead among the features",
                    remedy="Correct the declaration of the dataset.",
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    def to_json(self) -> str:
        """Canonical JSON text."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Restore what `to_json` gave.

        Raises
        ------
        StoreFormat
            When the text is not a schema of this version.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            features = tuple(Feature(**fields) for fields in found.pop("features"))
            return cls(features=features, times=tuple(found.pop("times")), **found)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreFormat(
                f"Schema.from_json: not a schema: {error}. "
                "Read it with the version of consilience that wrote it."
            ) from error


def _increasing(times: tuple[int, ...]) -> bool:
    pairs = itertools.pairwise(times)
    return bool(times) and all(a < b for a, b in pairs)


def canonical_order(data: ShardData) -> NDArray[np.int64] | None:
    """Order of agents by (team name, agent id); None when they lie so already.

    Code points order as UTF-8 bytes do, so the order is the same in every language.
    """
    teams = data.team_names[data.team]
    order = np.lexsort((data.agents, teams)).astype(np.int64)
    if np.array_equal(order, np.arange(len(order))):
        return None
    return order


def _texts(values: NDArray[np.str_]) -> bytes:
    """Lengths as little-endian uint32, then the UTF-8 bytes."""
    encoded = [text.encode() for text in values.tolist()]
    lengths = np.array([len(text) for text in encoded], dtype="<u4")
    return lengths.tobytes() + b"".join(encoded)


def _pieces(schema: Schema, data: ShardData) -> Iterator[bytes]:
    used, team = np.unique(data.team_names[data.team], return_inverse=True)
    order = canonical_order(data)
    if order is not None:
        data, team = data.take(order), team[order]
    header = {
        "agents": len(data.agents),
        "dtype": schema.dtype,
        "features": [[f.name, f.unit] for f in schema.features],
        "teams": used.tolist(),
        "times": [int(t) for t in data.times],
        "version": 1,
    }
    yield json.dumps(header, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    yield _texts(data.agents)
    yield _texts(data.entities)
    yield team.astype("<i4").tobytes()
    yield data.count.astype("<u4").tobytes()
    kind = np.dtype(schema.dtype).newbyteorder("<")
    for start in range(0, len(data.agents), _BLOCK):
        block = np.array(data.values[start : start + _BLOCK], dtype=kind, order="C")
        block[np.isnan(block)] = np.nan
        yield block.tobytes()


def canonical_bytes(schema: Schema, data: ShardData) -> bytes:
    """Bytes that depend on the content alone.

    Parameters
    ----------
    schema : Schema
    data : ShardData
        Agents in any order.

    Returns
    -------
    bytes
        Canonical JSON header, ids as UTF-8, arrays little-endian in C order sorted by
        (team, agent); every NaN is the one quiet NaN, −0.0 is kept.

    Notes
    -----
    Independent of row order, chunking, codec and file format, so the same data from
    CSV and from Parquet are the same shard.
    """
    return b"".join(_pieces(schema, data))


def content_hash(schema: Schema, data: ShardData) -> str:
    """SHA-256 of `canonical_bytes`, without holding them in memory at once."""
    digest = hashlib.sha256()
    for piece in _pieces(schema, data):
        digest.update(piece)
    return digest.hexdigest()
