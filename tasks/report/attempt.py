"""Let one section fail without taking the page with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from stats.summary import StatsError
from tasks.report.rows import SectionError

__all__ = ["OptionalSection", "collect_or_error"]

T = TypeVar("T")
Empty = TypeVar("Empty")

OptionalSection = Literal[
    "behaviour", "drift", "season", "together", "collusion", "baselines"
]
"""Sections that a night can be read without; the verdict stands on none of them."""


def collect_or_error(
    section: OptionalSection, collect: Callable[[], T], empty: Empty
) -> tuple[T | Empty, tuple[SectionError, ...]]:
    """Collect one section, or say why it could not be.

    Parameters
    ----------
    section : str
        Anchor of the section on the page.
    collect : callable
        Computes what the section shows.
    empty
        What to show instead; the page shows the error above it, never a number.

    Returns
    -------
    collected, errors
        ``(collect(), ())``, or ``(empty, (error,))`` when a `StatsError` was raised.
        Any other exception is a fault of the program and passes.

    Examples
    --------
    >>> from stats.summary import NotEnoughData
    >>> def few():
    ...     raise NotEnoughData("drift: 3 nights, 20 needed. Widen the window.")
    >>> found, errors = collect_or_error("drift", few, ())
    >>> found, errors[0].kind, errors[0].message
    ((), 'not_enough_data', 'drift: 3 nights, 20 needed. Widen the window.')
    """
    try:
        return collect(), ()
    except StatsError as error:
        return empty, (SectionError(section, error.kind, str(error)),)
