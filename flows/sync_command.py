"""The command `consilience sync`; heavy imports happen inside it."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from flows.options import Json, Now, Signed

__all__ = ["sync"]


def sync(
    source: Annotated[str, typer.Argument(help="Store to learn from: path or s3://.")],
    target: Annotated[
        str,
        typer.Argument(help="Store to bring up to it: path or s3://; made if absent."),
    ],
    *,
    both: Annotated[
        bool, typer.Option("--both", help="Then the other way round as well.")
    ] = False,
    bandwidth: Annotated[
        str | None, typer.Option(help="Most bytes a second: 500kB.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Most bytes of shards this time and each way: 2GB."),
    ] = None,
    objective: Annotated[
        Literal["both", "current", "window"],
        typer.Option(
            help="With a budget or bandwidth: whose error becomes small first, that of "
            "the newest night, of the mean over 30 nights, or of both."
        ),
    ] = "both",
    dry_run: Annotated[
        bool, typer.Option(help="Compare, say what is missing, write nothing.")
    ] = False,
    signatures: Signed = "registered",
    now: Now = None,
    json: Json = False,
) -> None:
    """Bring TARGET up to what SOURCE knows: only missing shard versions are sent.

    Digests are compared first.  What comes is hashed again before it is committed, in
    batches; run it again after a cut, and only the rest is sent.  Exit status: 0 all
    that was asked for is there, 1 shards were refused or cannot be sent, 2 it could not
    be done.
    """
    from flows.console import Console  # noqa: PLC0415
    from storage.authenticity import SignaturePolicy  # noqa: PLC0415
    from tasks.keys import clock  # noqa: PLC0415
    from tasks.progress import report_progress  # noqa: PLC0415
    from tasks.sync import pull_store, size_of_text  # noqa: PLC0415
    from tasks.sync_report import describe  # noqa: PLC0415

    with Console(json=json) as console:
        ways = [(source, target), *([(target, source)] if both else [])]
        reports = [
            pull_store(
                one,
                other,
                budget=size_of_text(budget, "--budget"),
                bandwidth=size_of_text(bandwidth, "--bandwidth"),
                objective=objective,
                policy=SignaturePolicy(signatures),
                dry_run=dry_run,
                now=clock(now),
                progress=lambda done, total: report_progress("sync", done, total),
            )
            for one, other in ways
        ]
        console.answer(describe(reports))
        sys.exit(1 if any(r.refused or r.faulty for r in reports) else 0)
