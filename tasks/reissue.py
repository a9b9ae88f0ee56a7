"""The steps of a reconciliation as Prefect tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from storage.store import BehaviorStore
from tasks.affected import Affected, affected_nights
from tasks.publish import published_nights
from tasks.stale import mark_nights
from tasks.stale_posteriors import StalePosterior, list_posteriors, stale_posteriors

__all__ = ["affected_step", "mark_step", "posteriors_step"]


@task(name="affected", cache_policy=NO_CACHE)
def affected_step(
    store: str, *, window_nights: int = 60
) -> tuple[int, tuple[Affected, ...]]:
    """Count the published nights, and find those that no longer say what is stored."""
    opened = BehaviorStore.open(store)
    found = affected_nights(opened, window_nights=window_nights)
    total = len(published_nights(opened))
    get_run_logger().info("%d of %d published nights affected", len(found), total)
    return total, found


@task(name="mark", cache_policy=NO_CACHE)
def mark_step(
    store: str, reports: Path, affected: Sequence[Affected]
) -> tuple[str, ...]:
    """Make pages and list say which nights are out of date: exactly these."""
    return mark_nights(reports, BehaviorStore.open(store), affected)


@task(name="posteriors", cache_policy=NO_CACHE)
def posteriors_step(
    store: str, folder: Path, *, dry_run: bool = False
) -> tuple[StalePosterior, ...]:
    """Find the posteriors that changed evidence affects; list them in the folder."""
    found = stale_posteriors(BehaviorStore.open(store))
    for one in found:
        get_run_logger().info("%s", one)
    if not dry_run:
        list_posteriors(folder, found)
    return found
