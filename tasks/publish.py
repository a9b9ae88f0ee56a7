"""Publish a night: results, identity and tag in one commit of the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from storage.released import every_tag
from storage.results import read_attributes, write_results
from storage.store import BehaviorStore
from tasks.baseline_dataset import agent_dataset, baseline_dataset
from tasks.night import Night, Scores
from tasks.reconcile import NightView
from tasks.score_dataset import change_dataset, correlation_dataset, score_dataset

__all__ = [
    "Published",
    "dataset_arrays",
    "dataset_attributes",
    "identity",
    "latest",
    "publish",
    "published_nights",
    "revisions",
]

Arrays = dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Published:
    """One revision of one night, as the store remembers it.

    `snapshot` is the one the night was computed from; `summary` is the line that the
    index of nights shows; `extra` holds further plain values.
    """

    night: str
    revision: int
    run: str
    identity: str
    snapshot: str
    result_digest: str
    summary: dict[str, Any]
    extra: dict[str, Any]

    @property
    def tag(self) -> str:
        """Name of the tag that pins it."""
        return f"nightly-{self.night.replace('-', '')}-r{self.revision}"


def identity(view: NightView, parameters: Mapping[str, Any], code: str) -> str:
    """Hash what determines a night's bits: winners, parameters and code."""
    text = json.dumps([view.night, view.digest, dict(parameters), code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def revisions(store: BehaviorStore, night: str) -> tuple[Published, ...]:
    """All revisions of a night, oldest first."""
    prefix = f"nightly-{night.replace('-', '')}-r"
    numbers = sorted(
        int(tag.removeprefix(prefix))
        for tag in every_tag(store)
        if tag.startswith(prefix)
    )
    return tuple(_load(store, night, number) for number in numbers)


def latest(store: BehaviorStore, night: str) -> Published | None:
    """Return the newest revision of a night."""
    found = revisions(store, night)
    return found[-1] if found else None


def published_nights(store: BehaviorStore) -> list[str]:
    """Nights that were published, oldest first."""
    tags = [tag.split("-")[1] for tag in every_tag(store) if tag.startswith("nightly-")]
    return [f"{n[:4]}-{n[4:6]}-{n[6:]}" for n in sorted(set(tags))]


def publish(
    store: BehaviorStore,
    night: Night,
    scores: Scores,
    record: Published,
) -> str:
    """Write results and identity, and tag the snapshot, all or nothing.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing.
    night, scores
        What was computed.
    record : Published

    Returns
    -------
    str
        The snapshot that holds the results.
    """
    root = f"runs/{record.night}/r{record.revision}"
    datasets = {
        "baselines": baseline_dataset(night),
        "agents": agent_dataset(night),
        "scores": score_dataset(night, scores),
    }
    if scores.changes is not None:
        datasets["changes"] = change_dataset(night, scores.changes)
        datasets["correlations"] = correlation_dataset(night, scores.changes)
    placed = {f"{root}/{name}": found for name, found in datasets.items()}
    attributes = {
        "run": record.run,
        "identity": record.identity,
        "result_digest": record.result_digest,
        "view_snapshot": record.snapshot,
        "ledger_digest": night.view.ledger_digest,
        "summary": record.summary,
        "extra": record.extra,
        "datasets": sorted([*datasets, "views"]),
    }
    return write_results(
        store,
        {
            f"{root}/views": _view_arrays(night),
            **{path: dataset_arrays(found) for path, found in placed.items()},
        },
        attributes={
            root: attributes,
            **{path: dataset_attributes(found) for path, found in placed.items()},
        },
        message=f"night {record.night} revision {record.revision}",
        metadata={
            "run": record.run,
            "night": record.night,
            "ledger_digest": night.view.ledger_digest,
            "result_digest": record.result_digest,
        },
        tag=record.tag,
    )


def _load(store: BehaviorStore, night: str, revision: int) -> Published:
    found = read_attributes(store, f"runs/{night}/r{revision}")
    return Published(
        night=night,
        revision=revision,
        run=found["run"],
        identity=found["identity"],
        snapshot=found["view_snapshot"],
        result_digest=found["result_digest"],
        summary=found["summary"],
        extra=found["extra"],
    )


def dataset_arrays(dataset: xr.Dataset) -> Arrays:
    """Arrays of a dataset, coordinates among them, as the store takes them."""
    return {
        str(name): (tuple(map(str, array.dims)), array.values, dict(array.attrs))
        for name, array in dataset.variables.items()
    }


def dataset_attributes(dataset: xr.Dataset) -> dict[str, Any]:
    """Attributes of a dataset, and which of its arrays are coordinates (CF)."""
    named = sorted(str(name) for name in dataset.coords if name not in dataset.dims)
    return {**dataset.attrs, "coordinates": " ".join(named)}


def _view_arrays(night: Night) -> Arrays:
    view = night.view
    rows = [row for _, found in sorted(view.winners.items()) for row in found]
    return {
        "site": (("shard",), np.array([r.key.site for r in rows]), {}),
        "night": (("shard",), np.array([r.key.night for r in rows]), {}),
        "part": (("shard",), np.array([r.key.part for r in rows]), {}),
        "sha256": (("shard",), np.array([r.sha256 for r in rows]), {}),
        "n": (("shard",), np.array([r.n for r in rows], dtype=np.int64), {}),
    }
