"""Results of published nights as xarray datasets: written by a run, read by people."""

from __future__ import annotations

from typing import Any

import xarray as xr

from storage.errors import NotFound
from storage.results import KEPT_BY_STORE, read_attributes
from storage.store import BehaviorStore
from tasks.publish import revisions

__all__ = ["open_results"]


def open_results(
    store: BehaviorStore, night: str, revision: int | None = None
) -> dict[str, xr.Dataset]:
    """Read what was published for a night, with all names and coordinates.

    Parameters
    ----------
    store : BehaviorStore
    night : str
        ISO date.
    revision : int, optional
        The newest by default.

    Returns
    -------
    dict of str to xarray.Dataset
        ``baselines`` of teams, sites and all, ``agents`` with their own baselines,
        ``scores`` of tonight, ``views``, and where the window was long enough
        ``changes`` of agents and ``correlations`` of groups; lazy, from the snapshot
        that the revision tagged.
        Attributes carry night, revision, run and result digest.

    Raises
    ------
    storage.errors.NotFound
        When the night, or that revision of it, was not published.
    """
    found = {item.revision: item for item in revisions(store, night)}
    wanted = max(found, default=0) if revision is None else revision
    if wanted not in found:
        raise NotFound(
            f"open_results: night {night} has revisions {sorted(found)}, asked for "
            f"{revision if revision is not None else 'the newest'}. Run the night, or "
            "name one of them."
        )
    record = found[wanted]
    # Results lie on the main line as well; a tag that was let go is not needed.
    pinned = store.at(record.tag) if record.tag in store.tags() else store
    about: dict[str, Any] = {
        "night": night,
        "revision": wanted,
        "run": record.run,
        "result_digest": record.result_digest,
    }
    out = {}
    root = f"runs/{night}/r{wanted}"
    for name in read_attributes(pinned, root)["datasets"]:
        group = f"{root}/{name}"
        opened = xr.open_zarr(pinned.reader, group=group, consolidated=False)
        for kept in KEPT_BY_STORE:
            opened.attrs.pop(kept, None)
        out[name] = opened.assign_attrs(about)
    return out
