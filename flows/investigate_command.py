"""The command `consilience investigate`; heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.options import Home, Json, Now

__all__ = ["investigate"]


def investigate(
    name: Annotated[
        str,
        typer.Argument(
            help="An agent or entity, a team (site/team, or its name if one site has "
            "it), or a site; site:NAME, team:NAME or agent:NAME force one.",
        ),
    ],
    home: Home = Path("data"),
    *,
    since: Annotated[
        str | None,
        typer.Option("--from", help="First night, YYYY-MM-DD; else the last 60."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Last night; else the newest delivered.")
    ] = None,
    window: Annotated[
        int, typer.Option(help="Nights before the first that say what is usual.")
    ] = 60,
    false_discovery: Annotated[
        float, typer.Option(help="False-discovery rate over the nights.")
    ] = 0.05,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder; HOME/investigations/NAME/FROM_TO when absent."),
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Show the history of one agent, team or site against what is usual for it.

    Says in a paragraph on which nights it stood out and why, prints its nights, and
    writes a page with plots, history.json and history.parquet.
    """
    from flows.console import Console  # noqa: PLC0415
    from flows.investigate import investigate_here  # noqa: PLC0415
    from flows.parameters import InvestigateParameters  # noqa: PLC0415

    with Console(json=json) as console:
        given = {
            "home": home, "name": name, "since": since, "until": until,
            "window": window, "false_discovery": false_discovery, "output": output,
            "now": now,
        }  # fmt: skip
        parameters = InvestigateParameters.model_validate(given)
        console.investigated(investigate_here(parameters))
