"""The command `consilience export`; heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from flows.options import Json
from flows.parameter_base import IsoNight

__all__ = ["export"]


def export(
    store: Annotated[str, typer.Argument(help="Store: path or s3://.")],
    dest: Annotated[Path, typer.Argument(help="New folder.")],
    *,
    zarr: Annotated[
        bool, typer.Option("--zarr", help="Plain zarr v3: shards, ledger, results.")
    ] = False,
    parquet: Annotated[
        bool,
        typer.Option("--parquet", help="Parquet: rows of shards, ledger, results."),
    ] = False,
    at: Annotated[
        str | None, typer.Option(help="Snapshot or tag; the newest if absent.")
    ] = None,
    since: Annotated[str, typer.Option(help="First night.")] = "0001-01-01",
    until: Annotated[str, typer.Option(help="Last night.")] = "9999-12-31",
    json: Json = False,
) -> None:
    """Write nights, ledger and results as files that need nothing of ours to be read.

    The folder appears when all of it is written, read back and compared: SHA-256 of
    every shard, hash of every group of results, ledger digest.  Exported Parquet can be
    ingested again.  Exit status: 0 exported, 2 not.
    """
    from flows.console import Console  # noqa: PLC0415
    from tasks.export import describe_exported, export_store  # noqa: PLC0415

    if zarr == parquet:
        raise typer.BadParameter("Give one of --zarr and --parquet.")
    with Console(json=json) as console:
        night: TypeAdapter[str] = TypeAdapter(IsoNight)
        done = export_store(
            store,
            dest,
            "zarr" if zarr else "parquet",
            at=at,
            since=night.validate_python(since),
            until=night.validate_python(until),
        )
        console.answer(describe_exported(done))
