"""The command `consilience verify`; heavy imports happen inside it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.options import Home, Json

__all__ = ["verify"]


def verify(
    store: Annotated[
        str | None, typer.Argument(help="Store: path or s3://; none takes HOME/store.")
    ] = None,
    home: Home = Path("data"),
    *,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Leave the arrays of shards alone: ledger, signatures, summaries, "
            "results.",
        ),
    ] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also compute every kept summary again, and open every snapshot.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Read a store and compare all of it with what is said of it; repair nothing.

    Every chunk is decoded and every hash taken again: shards, summaries, results; then
    the ledger against a listing, signatures against the registered keys, tags, history,
    and what published nights say they rest on.  Exit status: 0 nothing is wrong,
    1 something is, each finding with what to do, 2 there is no store.
    """
    from flows.console import Console  # noqa: PLC0415
    from tasks.verify import describe_verified, verify_store  # noqa: PLC0415

    with Console(json=json) as console:
        done = verify_store(store or str(home / "store"), quick=quick, full=full)
        console.answer(describe_verified(done))
        sys.exit(done.exit_code)
