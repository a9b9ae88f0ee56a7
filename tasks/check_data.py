"""Checks of the data: ledger, stored bytes, and what is said to be missing."""

from __future__ import annotations

import numpy as np

from storage.integrity import verify
from tasks.checks import Check, CheckContext, CheckFailed
from tasks.oracle import plain_winners
from tasks.reconcile import dataset_rows, ledger_of

__all__ = ["DATA_CHECKS"]

# Past shards whose every byte is read and hashed again, beside all of tonight's.
_SHARDS = 5


def check_ledger(context: CheckContext) -> tuple[int, str]:
    """Find the winners again without the ledger's code and compare identities."""
    view = context.night.view
    rows = dataset_rows(context.store, until=view.night)
    expected = {
        row.key: row
        for row in plain_winners(rows).values()
        if row.key.night in set(view.nights)
    }
    counted = [row for found in view.winners.values() for row in found]
    keys = [row.key for row in counted]
    if len(keys) != len(set(keys)):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise CheckFailed(f"{twice} counts {keys.count(twice)} times, expected once")
    for row in counted:
        if expected.get(row.key) != row:
            raise CheckFailed(f"{row.key}: version {row.version} counts wrongly")
    if len(counted) != len(expected):
        raise CheckFailed(f"{len(counted)} shards count, expected {len(expected)}")
    digest = ledger_of(rows).digest()
    if digest != view.ledger_digest:
        raise CheckFailed(
            f"ledger digest of a cold scan is {digest[:12]}, "
            f"the run used {view.ledger_digest[:12]}"
        )
    return len(rows), f"{len(rows)} ledger rows, {len(counted)} of them count"


def check_integrity(context: CheckContext) -> tuple[int, str]:
    """Hash the stored bytes of tonight and of a sample of past shards again."""
    view = context.night.view
    tonight = list(view.rows_of(view.night))
    past = [
        row
        for (_, night), rows in sorted(view.winners.items())
        if night != view.night
        for row in rows
    ]
    pick = context.rng("integrity").permutation(len(past))[:_SHARDS]
    rows = tonight + [past[i] for i in sorted(pick)]
    findings = verify(context.store, rows, full=True)
    if findings:
        first = findings[0]
        raise CheckFailed(
            f"{first.object}: {first.check}: expected {first.expected}, "
            f"found {first.found} ({len(findings)} findings)"
        )
    return len(
        rows
    ), f"{len(rows)} shards: checksums on, chunks complete, SHA-256 equal"


def check_coverage(context: CheckContext) -> tuple[int, str]:
    """Compare what is said to be missing with the ledger; no data is never a number."""
    view, levels = context.night.view, context.night.baselines.levels
    rows = dataset_rows(context.store, until=view.night)
    here = {
        r.key.site for r in plain_winners(rows).values() if r.key.night == view.night
    }
    known = {row.key.site for row in rows} | {site.site for site in view.sites}
    absent = tuple(sorted(known - here))
    if absent != view.missing_sites:
        raise CheckFailed(
            f"missing sites are {absent}, the run says {view.missing_sites}"
        )
    share = sum(site.share for site in view.sites if site.site in here)
    if abs(share - view.arrived_share) > 1e-12 or not 0.0 <= share <= 1.0 + 1e-12:
        raise CheckFailed(
            f"arrived share is {share:.6f}, the run says {view.arrived_share:.6f}"
        )
    empty = 0
    for name, level in levels.items():
        none = level.n[-1] == 0
        figures = np.stack([level.mean[-1], level.lower[-1], level.upper[-1]])
        if not np.isnan(figures[:, none]).all():
            raise CheckFailed(f"level {name}: a group without data has a number")
        if not np.isfinite(level.mean[-1][~none]).all():
            raise CheckFailed(f"level {name}: a group with data has no mean")
        if len(level.labels) and level.n[-1].sum() != levels["all"].n[-1].sum():
            raise CheckFailed(f"level {name}: observations of tonight do not add up")
        empty += int(none.sum())
    return len(known), f"{len(known)} sites, {len(absent)} missing, {empty} empty cells"


DATA_CHECKS = (
    Check(
        "ledger",
        "Each shard counts once, in its highest version",
        "F.1, F.2",
        check_ledger,
    ),
    Check(
        "integrity",
        "Stored bytes are the bytes that were delivered",
        "F.11",
        check_integrity,
    ),
    Check(
        "coverage",
        "What is missing is named, and no data is never a number",
        "F.3",
        check_coverage,
    ),
)
