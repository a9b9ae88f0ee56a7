"""The command `consilience reconcile`; heavy imports happen inside it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.options import Home, Json, Now, Signed

__all__ = ["reconcile"]


def reconcile(
    home: Home = Path("data"),
    *,
    since: Annotated[
        str | None,
        typer.Option(help="First night to issue again, YYYY-MM-DD; else all."),
    ] = None,
    nights: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Issue so many nights again at most, the newest; mark the others.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option(help="Say what is affected; change nothing.")
    ] = False,
    ingest: Annotated[
        bool, typer.Option(help="Ingest what lies in HOME/landing first.")
    ] = True,
    window: Annotated[
        int, typer.Option(help="Window of nights that do not name their own.")
    ] = 60,
    cluster: Annotated[str, typer.Option(help="As for nightly.")] = "local",
    workers: Annotated[
        int | None, typer.Option(help="Override the number of workers.")
    ] = None,
    signatures: Signed = "registered",
    now: Now = None,
    json: Json = False,
) -> None:
    """Issue published nights again that late or corrected shards change.

    Each becomes a new revision that says which shards changed and which figures moved;
    the older one stays readable and names it.  Nights that are left are marked out of
    date.  Exit status: 0 all is up to date or marked, 1 a night could not be computed,
    2 nothing could be done.
    """
    from flows.console import Console  # noqa: PLC0415
    from flows.parameters import ReconcileParameters  # noqa: PLC0415
    from flows.reconcile import answer  # noqa: PLC0415
    from flows.reconcile import reconcile as flow  # noqa: PLC0415

    with Console(json=json) as console:
        given = {
            "home": home, "since": since, "nights": nights, "dry_run": dry_run,
            "ingest": ingest, "window": window, "cluster": cluster,
            "workers": workers, "signatures": signatures, "now": now,
        }  # fmt: skip
        outcome = flow(ReconcileParameters.model_validate(given))
        console.answer(answer(outcome))
        sys.exit(outcome.exit_code)
