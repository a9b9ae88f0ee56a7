"""The command `consilience deploy`; heavy imports happen inside it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.options import Home, Json

__all__ = ["deploy"]


def deploy(
    home: Home = Path("data"),
    *,
    cron: Annotated[
        str | None,
        typer.Option(help='When nightly starts, as in cron; "30 2 * * *" if absent.'),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Of the schedules: Europe/Berlin; UTC if absent.")
    ] = None,
    pool: Annotated[str, typer.Option(help="Work pool.")] = "consilience",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Of a server that is started here.")
    ] = 4200,
    limit: Annotated[
        int, typer.Option(min=1, help="Runs that the worker does at once.")
    ] = 2,
    start: Annotated[
        bool,
        typer.Option(
            help="Start what is missing and stay until Ctrl-C; or register only."
        ),
    ] = True,
    json: Json = False,
) -> None:
    """Schedule the flows: server, work pool, deployments, automations and a worker.

    With PREFECT_API_URL set, that server is used; without, one is started here and kept
    in HOME/prefect.  Stays in the foreground until Ctrl-C, which ends what it started;
    a night that was running goes on from its checkpoints the next time.  Run it again
    after an upgrade: everything is brought up to date and nothing is doubled.
    """
    from flows.console import Console  # noqa: PLC0415
    from flows.deploy import Deployment, deployed  # noqa: PLC0415

    with Console(json=json, progress=False) as console:
        wanted = Deployment(
            home=home.resolve(), cron=cron, time_zone=time_zone, pool=pool,
            port=port, limit=limit, start=start,
        )  # fmt: skip
        with deployed(wanted) as running:
            console.answer(running.answer)
            sys.stdout.flush()
            running.stay()
