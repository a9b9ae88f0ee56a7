"""Publish nights that a schedule missed, because nothing ran when their turn was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import get_run_logger

from flows.parameters import NightParameters
from stats.summary import StatsError
from storage.errors import StorageError
from storage.store import BehaviorStore
from tasks.missed import missed_nights
from tasks.plan import VerdictFailed

__all__ = ["catch_up"]


def catch_up(
    parameters: NightParameters, night: str, run_night: Callable[..., Any]
) -> tuple[str, ...]:
    """Compute missed nights before the one that was just published, oldest first.

    One that cannot be computed is logged and tried again the next time; it does not
    fail tonight's run.  Nothing is done for a night that was asked for by its date.

    Parameters
    ----------
    parameters : NightParameters
    night : str
        That was just published.
    run_night : callable
        Computes one night and looks at no other.
    """
    if parameters.night != "latest" or not parameters.catch_up:
        return ()
    store, done = BehaviorStore.open(str(parameters.store)), []
    for missed in missed_nights(store, before=night, nights=parameters.catch_up):
        told = {"night": missed, "ingest": False, "catch_up": 0}
        try:
            run_night(parameters.model_copy(update=told))
        except (StatsError, StorageError, VerdictFailed):
            get_run_logger().exception("missed night %s is left", missed)
        else:
            done.append(missed)
    return tuple(done)
