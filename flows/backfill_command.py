"""The command `consilience backfill`; heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.options import Home, Json, Now, Signed

__all__ = ["backfill"]


def backfill(
    since: Annotated[str, typer.Argument(help="First night, YYYY-MM-DD.")],
    until: Annotated[
        str | None, typer.Argument(help="Last night; the newest delivered if absent.")
    ] = None,
    home: Home = Path("data"),
    *,
    force: Annotated[
        bool, typer.Option(help="Compute nights again that stand.")
    ] = False,
    stop_at_failure: Annotated[
        bool, typer.Option(help="Leave the rest when a night cannot be computed.")
    ] = False,
    ingest: Annotated[
        bool, typer.Option("--ingest", help="Ingest what lies in HOME/landing first.")
    ] = False,
    window: Annotated[
        int, typer.Option(help="Nights before each that form its baseline.")
    ] = 60,
    cluster: Annotated[str, typer.Option(help="As for nightly.")] = "local",
    workers: Annotated[
        int | None, typer.Option(help="Override the number of workers.")
    ] = None,
    signatures: Signed = "registered",
    now: Now = None,
    json: Json = False,
) -> None:
    """Compute every delivered night from SINCE to UNTIL that does not stand yet.

    One after the other, oldest first, on one cluster.  Run it again after a cut: nights
    that stand are not computed again.  Exit status: 0 all stand now, 2 a night could
    not be computed and is named.
    """
    from flows.backfill import answer  # noqa: PLC0415
    from flows.backfill import backfill as flow  # noqa: PLC0415
    from flows.backfill_parameters import BackfillParameters  # noqa: PLC0415
    from flows.console import Console  # noqa: PLC0415

    with Console(json=json) as console:
        given = {
            "home": home, "since": since, "until": until, "force": force,
            "stop_at_failure": stop_at_failure, "ingest": ingest, "window": window,
            "cluster": cluster, "workers": workers, "signatures": signatures,
            "now": now,
        }  # fmt: skip
        console.answer(answer(flow(BackfillParameters.model_validate(given))))
