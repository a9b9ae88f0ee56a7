"""Publish a consensus: labelled arrays in the store under a tag, a table beside it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stats.source_consensus import STATUSES
from storage.errors import NotFound
from storage.released import every_tag
from storage.results import (
    KEPT_BY_STORE,
    read_attributes,
    write_results,
    write_table,
)
from storage.store import BehaviorStore
from tasks.consensus_result import Consensus
from tasks.publish import dataset_arrays, dataset_attributes

__all__ = [
    "PublishedConsensus",
    "consensus_identity",
    "consensus_runs",
    "open_consensus",
    "publish_consensus",
    "write_consensus_table",
]

_ROOT = "posteriors"
_TAG = "consensus-"


@dataclass(frozen=True, slots=True)
class PublishedConsensus:
    """Where a consensus is kept.

    Attributes
    ----------
    run : str
        Night and the first digits of the identity; also its group and its tag.
    snapshot : str
        That holds it.
    fresh : bool
        False where an equal one stood already, and nothing was written.
    """

    run: str
    snapshot: str
    fresh: bool

    @property
    def group(self) -> str:
        """Group of the arrays in the store."""
        return f"{_ROOT}/{self.run}"

    @property
    def tag(self) -> str:
        """Tag of the snapshot."""
        return f"{_TAG}{self.run}"


def consensus_identity(consensus: Consensus) -> str:
    """SHA-256 of what determines a consensus; its age and snapshot are not part."""
    about = consensus.about()
    parts = {name: about[name] for name in about if name != "snapshot"}
    numbers = [consensus.log_prior.tolist(), consensus.own_tempering.tolist()]
    text = json.dumps([parts, list(consensus.sources), numbers], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def publish_consensus(store: BehaviorStore, consensus: Consensus) -> PublishedConsensus:
    """Write a consensus of a night and tag the snapshot, all or nothing.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing.
    consensus : Consensus

    Returns
    -------
    PublishedConsensus
        The one that stands, where an equal one was published before.

    Raises
    ------
    StorageError, Locked, Conflict
        When nothing can be committed.
    """
    run = f"{consensus.facts.night}-{consensus_identity(consensus)[:12]}"
    published = PublishedConsensus(run, store.snapshot, fresh=False)
    if published.tag in every_tag(store):
        return PublishedConsensus(run, _at(store, published.tag).snapshot, fresh=False)
    dataset = consensus.to_dataset()
    snapshot = write_results(
        store,
        {published.group: dataset_arrays(dataset)},
        attributes={published.group: {"run": run, **dataset_attributes(dataset)}},
        message=f"consensus {run}",
        metadata={"run": run, "digest": consensus.digest},
        tag=published.tag,
    )
    return PublishedConsensus(run, snapshot, fresh=True)


def consensus_runs(store: BehaviorStore, night: str = "") -> tuple[str, ...]:
    """Runs that were published, of one night or of all, sorted."""
    runs = [tag.removeprefix(_TAG) for tag in every_tag(store) if tag.startswith(_TAG)]
    return tuple(sorted(run for run in runs if run.startswith(night)))


def _at(store: BehaviorStore, tag: str) -> BehaviorStore:
    """Store at a tag; the main line, which holds the same, when it was let go."""
    return store.at(tag) if tag in store.tags() else store


def open_consensus(store: BehaviorStore, run: str) -> xr.Dataset:
    """Read a published consensus with all names and coordinates, lazily.

    Raises
    ------
    NotFound
        When there is no such run.
    """
    tag = f"{_TAG}{run}"
    if tag not in every_tag(store):
        near = consensus_runs(store, run[:10])
        raise NotFound(
            f"open_consensus: no run {run!r}, of that night there are {list(near)}. "
            "Name one of them, or run `consilience consensus`."
        )
    pinned = _at(store, tag)
    read_attributes(pinned, f"{_ROOT}/{run}")
    opened: xr.Dataset = xr.open_zarr(
        pinned.reader, group=f"{_ROOT}/{run}", consolidated=False
    )
    for kept in KEPT_BY_STORE:
        opened.attrs.pop(kept, None)
    return opened


def write_consensus_table(consensus: Consensus, path: Path) -> Path:
    """Write a row per agent as Parquet, whole or not at all.

    Raises
    ------
    StorageError
        When it cannot be stored.
    """
    found, post = consensus.found, consensus.found.posterior
    share, loudest = consensus.said.largest_share(len(consensus.agents))
    columns: dict[str, object] = {
        "agent": consensus.agents,
        "n": post.n,
        "n_eff": post.effective_n,
        "status": np.array(STATUSES)[found.status],
        "decision": _names(found.hypothesis, consensus.hypotheses),
        "leading": _names(found.leading, consensus.hypotheses),
        "evidence": found.evidence,
        "spoke": found.spoke,
        "largest_share": share,
        "largest_source": _names(loudest, consensus.sources),
    }
    for k, name in enumerate(consensus.hypotheses):
        for column, values in (
            ("log_odds", post.log_odds),
            ("probability", post.p),
            ("log_probability", post.log_p),
            ("believed_log_odds", found.believed),
            ("lower_log_odds", found.lower),
            ("upper_log_odds", found.upper),
        ):
            columns[f"{column} of {name}"] = values[:, k]
    write_table(path, columns)
    return path


def _names(places: NDArray[np.int64], names: tuple[str, ...]) -> list[str | None]:
    """Name at each place; None for -1."""
    return [None if k < 0 else names[k] for k in places.tolist()]
