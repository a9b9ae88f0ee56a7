"""Bind the examples to the store: the flights of 2013, and a synthetic population."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from stats.moments import GroupMoments
from stats.summary import merge_all
from storage.examples import REFERENCE, flights_schema, write_flights
from storage.store import BehaviorStore
from tasks.ingest import open_store
from tasks.summaries import reduce_shards

__all__ = ["Aggregate", "Prepared", "prepare_flights", "year_aggregates"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was put into the landing folder."""

    shards: int
    rows: int
    note: str = ""


class Aggregate(BaseModel):
    """One figure of the year beside the reference it must reproduce."""

    name: str
    found: str
    expected: str
    equal: bool


def prepare_flights(
    home: Path,
    first: str,
    last: str,
    *,
    held_back: tuple[tuple[str, str], ...] = (),
    progress: Progress,
) -> Prepared:
    """Write the landing files of some nights, and create the store if there is none.

    Files of `held_back` (site, night) go to ``home/held-back`` instead.
    """
    found = write_flights(
        home / "landing", first, last, hold_back=held_back,
        held_back=home / "held-back",
        progress=lambda done, total: progress("prepare", done, total),
    )  # fmt: skip
    open_store(str(home / "store"), flights_schema())
    return Prepared(found.shards, found.rows)


def year_aggregates(home: Path) -> tuple[Aggregate, ...]:
    """Compare exact sums over every shard of the store with the reference."""
    store = BehaviorStore.open(str(home / "store"), mode="a")
    records = reduce_shards(store, store.shards()).records.values()
    whole: list[GroupMoments] = []
    for record in records:
        everything = np.zeros(record.n_groups, dtype=np.int64)
        whole.append(record.groups.rows.rollup(everything, 1))
    total = merge_all(whole)
    names = list(store.schema.names)
    sums, products = total.total()[0], total.product_total()[0]
    sd, mean = np.sqrt(total.variance()[0]), total.mean()[0]
    found: dict[str, str] = {"complete rows": str(int(total.count[0].min()))}
    for name in ("dep_delay", "arr_delay", "air_time", "distance"):
        found[f"sum {name}"] = str(int(sums[names.index(name)]))
    dep, arr = names.index("dep_delay"), names.index("arr_delay")
    found["sum arr_delay^2"] = str(int(products[arr, arr]))
    found["sum dep_delay*arr_delay"] = str(int(products[dep, arr]))
    for j, name in enumerate(names):
        found[f"mean {name}"] = f"{mean[j]:.6f}"
        found[f"sd {name}"] = f"{sd[j]:.6f}"
    r = total.correlation()[0]
    air, far = names.index("air_time"), names.index("distance")
    found["r dep_delay, arr_delay"] = f"{r[dep, arr]:.4f}"
    found["r air_time, distance"] = f"{r[air, far]:.4f}"
    return tuple(
        Aggregate(name=n, found=f, expected=REFERENCE[n], equal=REFERENCE[n] == f)
        for n, f in found.items()
        if n in REFERENCE
    )
