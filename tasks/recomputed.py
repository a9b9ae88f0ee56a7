"""Compute kept summaries again from the stored values, and compare the bytes."""

from __future__ import annotations

from stats.summary import merge_all
from storage.checkpoints import Checkpoints
from storage.errors import Archived, StorageError
from storage.findings import Finding
from storage.integrity import Progress
from storage.store import BehaviorStore
from tasks.blocks import block_refs, summarize_shard
from tasks.schema_scale import schema_origins, schema_transforms
from tasks.summaries import (
    checkpoint_key,
    encode_quantiles,
    encode_record,
    quantile_key,
)

__all__ = ["recompute_summaries"]


def recompute_summaries(
    store: BehaviorStore, progress: Progress | None = None
) -> tuple[int, tuple[Finding, ...]]:
    """Compare the kept summaries of every shard with its values.

    Returns
    -------
    n : int
        Summaries compared; those of shards whose values were dropped are not.
    findings : tuple of Finding
    """
    transforms, origins = schema_transforms(store.schema), schema_origins(store.schema)
    kept = Checkpoints(store)
    rows = store.shards()
    n, out = 0, list[Finding]()
    for done, row in enumerate(rows, 1):
        keys = checkpoint_key(row, transforms), quantile_key(row, origins)
        try:
            found = kept.get(keys)
            if found:
                refs = block_refs(store, row)
                whole = merge_all(
                    [summarize_shard(ref, transforms, origins) for ref in refs]
                )
                states = encode_record(whole.moments), encode_quantiles(whole.quantiles)
                for key, state in zip(keys, states, strict=True):
                    n += key in found
                    if found.get(key, state) != state:
                        what = "the bytes that the values give"
                        out.append(Finding(key.path, "summary", what, "other bytes"))
        except Archived:
            pass
        except StorageError as error:
            out.append(Finding(row.path, "summary", "a readable shard", str(error)))
        if progress is not None:
            progress(done, len(rows))
    return n, tuple(out)
