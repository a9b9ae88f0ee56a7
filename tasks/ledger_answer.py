"""What the ledger of a store says of every site, or of one, now or at a past time."""

from __future__ import annotations

import datetime as dt
import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from stats.accounts import site_accounts
from stats.contracts import view_of
from stats.ledger import ShardLedger
from stats.progress import SiteProgress
from stats.staleness import POLICIES, ConsistencyModel, DataKind
from stats.views import View
from storage.evidence_records import EVIDENCE
from storage.store import BehaviorStore
from tasks.history.subject import UnknownName
from tasks.keys import Answer, clock
from tasks.ledger_words import all_sites, one_site
from tasks.ledgers import ledger_of
from tasks.views import store_at

__all__ = ["ledger_answer"]


def ledger_answer(
    home: Path,
    site: str | None = None,
    *,
    as_of: str | None = None,
    night: str | None = None,
    dataset: str | None = None,
    now: dt.datetime | None = None,
) -> Answer:
    """Account for every version that sites issued.

    Parameters
    ----------
    home : Path
    site : str, optional
        Also list its versions; None gives a row per site.
    as_of : str, optional
        Snapshot, tag, date or moment, as `tasks.views.store_at`.
    night : str, optional
        Last night looked at for what is missing; None takes the newest known.
    dataset : str, optional
        None takes behaviour; ``evidence`` that of evidence.
    now : datetime, optional
        From which ages count; None takes the clock, or with `as_of` the time of that
        snapshot.

    Raises
    ------
    NotFound
        When there is no store, or none at that time.
    UnknownName
        When nothing is known of the dataset or the site.
    InvalidInput
        For a night that is not a date.
    """
    store = BehaviorStore.open(str(home / "store"))
    store = store if as_of is None else store_at(store, as_of)
    written = store.history()[0].written_at
    moment = written if as_of is not None and now is None else clock(now)
    name = dataset or store.schema.dataset
    ledger = _ledger(store, name)
    found: dict[str, Any] = {
        "dataset": name,
        "snapshot": store.snapshot,
        "committed_at": _text(written),
        "now": _text(moment),
        "digest": ledger.digest(),
        "versions": len(ledger),
        "sites": [],
    }
    if not len(ledger):
        return Answer(found, (f"{name}: n=0 (no data), snapshot {store.snapshot}.",))
    policy = POLICIES[DataKind.EVIDENCE if name == EVIDENCE else DataKind.SHARDS]
    view = view_of(
        ledger, night, ConsistencyModel.EVENTUAL, policy,
        now=moment, snapshot=store.snapshot,
    )  # fmt: skip
    found |= _whole(view)
    found["sites"] = [
        row for row in _sites(ledger, view) if site in (None, row["site"])
    ]
    if site is None:
        return Answer(found, *all_sites(found))
    if not found["sites"]:
        raise _unknown("site", site, ledger)
    found["known"] = list(_versions(_of_site(ledger, site)))
    return Answer(found, *one_site(found))


def _ledger(store: BehaviorStore, dataset: str) -> ShardLedger:
    rows = store.rows()
    known = sorted({row.key.dataset for row in rows})
    if dataset not in (*known, store.schema.dataset, EVIDENCE):
        raise UnknownName(
            f"dataset {dataset!r}: not in snapshot {store.snapshot}. "
            f"It holds {', '.join(known) or 'nothing'}."
        )
    return ledger_of(row for row in rows if row.key.dataset == dataset)


def _unknown(noun: str, name: str, ledger: ShardLedger) -> UnknownName:
    known = sorted(set(ledger.columns["site"].tolist()))
    close = difflib.get_close_matches(name, known, 3, 0.4) or known[:3]
    return UnknownName(
        f"{noun} {name!r}: no version of it is known among {len(known)} sites. "
        f"The closest are {', '.join(close)}."
    )


def _whole(view: View) -> dict[str, Any]:
    """Facts of the dataset as a whole."""
    policy = view.policy
    return {
        "night": view.night,
        "arrived_mass": view.arrived_mass,
        "mass_unit": view.mass_unit,
        "watermark": view.watermark,
        "common_watermark": view.common_watermark,
        "state": view.state.value,
        "limits": {"versions": policy.versions, "seconds": policy.seconds},
    }


def _sites(ledger: ShardLedger, view: View) -> Iterator[dict[str, Any]]:
    """Facts of each site."""
    progress = {one.site: one for one in view.sites}
    for account in site_accounts(ledger):
        site = account.site
        gaps = [gap for gap in view.gaps if gap.site == site]
        newest = view.clock[site]
        yield asdict(account) | {
            "epochs": list(account.epochs),
            "clock": asdict(replace(newest, dots=())) | {"dots": list(newest.dots)},
            "gaps": [str(gap) for gap in gaps if not gap.lost],
            "lost": [str(replace(gap, lost=False)) for gap in gaps if gap.lost],
            **_progress(progress.get(site, SiteProgress(site)), view),
            "digest": _of_site(ledger, site).digest(),
        }


def _progress(site: SiteProgress, view: View) -> dict[str, Any]:
    age = view.ages.get(site.site)
    out: dict[str, Any] = {
        "first": site.first,
        "heard": site.heard,
        "watermark": site.watermark,
        "declared": site.declared,
        "closed": site.closed,
        "missing": list(site.missing),
        "staleness": None,
        "within": True,
    }
    if age is not None:
        limits = view.policy.versions, view.policy.seconds
        out["within"] = age.within(*limits)
        out["staleness"] = asdict(age) | {
            "seconds": age.seconds if math.isfinite(age.seconds) else None
        }
    return out


def _of_site(ledger: ShardLedger, site: str) -> ShardLedger:
    keep = ledger.columns["site"] == site
    return ShardLedger({name: column[keep] for name, column in ledger.columns.items()})


def _versions(ledger: ShardLedger) -> Iterator[Mapping[str, Any]]:
    for entry, state in zip(ledger.entries(), ledger.states().tolist(), strict=True):
        yield {
            "night": entry.night,
            "part": entry.part,
            "version": f"{entry.epoch}-{entry.seq}",
            "kind": entry.kind,
            "state": state,
            "n": entry.n,
            "sha256": entry.sha256,
        }


def _text(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment // 10**9, dt.UTC).isoformat()
