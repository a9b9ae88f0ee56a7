"""The command `consilience ledger`; heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.options import Home, Json, Now

__all__ = ["ledger"]


def ledger(
    site: Annotated[
        str | None, typer.Argument(help="List the versions of this site as well.")
    ] = None,
    home: Home = Path("data"),
    *,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="As it was known then: a snapshot, a tag such as nightly-20130308-r1, "
            "a date or a moment in UTC."
        ),
    ] = None,
    night: Annotated[
        str | None,
        typer.Option(help="Last night looked at, YYYY-MM-DD; else the newest."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="evidence; behaviour when absent.")
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Show what became of every version that sites issued, and what is missing.

    For each site: versions that count, that were superseded, retracted or contradicted;
    epochs, gaps in its numbers, its clock, the night up to which it is complete, and
    how far behind it is.  Ages count from --now, with --as-of from when that snapshot
    was committed; an age with ≥ is a lower bound: the site is silent.
    """
    from flows.console import Console  # noqa: PLC0415
    from tasks.ledger_answer import ledger_answer  # noqa: PLC0415

    with Console(json=json, progress=False) as console:
        console.answer(
            ledger_answer(
                home, site, as_of=as_of, night=night, dataset=dataset, now=now
            )
        )
