"""The command line: ingest, nightly, reconcile, consensus, investigate and more.

Heavy imports happen inside the commands, so that help and typing errors are instant.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.backfill_command import backfill
from flows.consensus_command import consensus
from flows.deploy_command import deploy
from flows.export_command import export
from flows.investigate_command import investigate
from flows.keys_command import keys, sign
from flows.labels_command import labels
from flows.ledger_command import ledger
from flows.options import Home, Json, Now, Signed
from flows.reconcile_command import reconcile
from flows.retention_command import gc, hold, retain
from flows.sync_command import sync
from flows.verify_command import verify

__all__ = ["app", "main"]

# Set before prefect is imported: no telemetry, time for the embedded server to start
# on a busy machine, and no log lines between the progress bars (the UI has them).
_ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_CLI_WRAP_LINES": "false",
}

app = typer.Typer(
    name="consilience",
    help="Nightly statistics over the behaviour of very large populations of agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def main() -> None:
    """Run the command line; the exit status is 0 only when all went well."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    app()


@app.command()
def demo(
    home: Home = Path("data"),
    *,
    year: Annotated[
        bool,
        typer.Option(
            "--year",
            help="Ingest all 365 nights and compare with the reference aggregates.",
        ),
    ] = False,
    agents: Annotated[
        int | None,
        typer.Option(
            min=100,
            help="Use a seeded synthetic population of this size instead of flights.",
        ),
    ] = None,
    cluster: Annotated[str, typer.Option(help="As for nightly.")] = "local",
    json: Json = False,
) -> None:
    """Prepare example data and run its most interesting night.

    The example is every flight out of New York in 2013: aircraft are the agents,
    carriers at an airport the teams, airports the sites.  The night is the snow storm
    of 8 March 2013, with the shards of EWR held back, so that a site is missing.
    """
    from flows import demo as example  # noqa: PLC0415
    from flows.console import Console  # noqa: PLC0415

    with Console(json=json) as console:
        if agents is not None:
            console.done(example.synthetic(home, agents, cluster=cluster))
        elif year:
            console.done(example.year(home, cluster=cluster))
        else:
            console.done(example.storm(home, cluster=cluster))


@app.command()
def ingest(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders; none takes HOME/landing."),
    ] = None,
    home: Home = Path("data"),
    *,
    strict: Annotated[
        bool, typer.Option(help="Refuse the whole batch when one file is refused.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option(help="Check everything, write nothing.")
    ] = False,
    keep: Annotated[
        bool, typer.Option(help="Copy refused files to quarantine, do not move them.")
    ] = False,
    evidence: Annotated[
        bool,
        typer.Option(
            help="Read every file as evidence, also where nothing in it says so."
        ),
    ] = False,
    signatures: Signed = "registered",
    now: Now = None,
    json: Json = False,
) -> None:
    """Take delivered files into the store.

    A file is evidence when it names the dataset evidence, or has a column source and
    none called team; otherwise it is behaviour.  Files that are known already change
    nothing.  Files that cannot be used are put into HOME/quarantine with the reason.
    Exit status: 0 all applied or known, 1 some refused, 2 nothing could be committed.
    """
    from flows.console import Console  # noqa: PLC0415
    from flows.ingest import ingest as flow  # noqa: PLC0415
    from flows.parameters import IngestParameters  # noqa: PLC0415

    with Console(json=json) as console:
        parameters = IngestParameters(
            home=home, paths=tuple(paths or ()), strict=strict,
            dry_run=dry_run, keep=keep, now=now, evidence=evidence,
            signatures=signatures,
        )  # fmt: skip
        report = flow(parameters)
        console.ingested(report, parameters.quarantine)
        sys.exit(report.exit_code)


@app.command()
def nightly(
    night: Annotated[
        str, typer.Option(help="Night to compute, YYYY-MM-DD, or latest.")
    ] = "latest",
    home: Home = Path("data"),
    *,
    window: Annotated[
        int, typer.Option(help="Nights before it that form the baseline.")
    ] = 60,
    false_discovery: Annotated[
        float, typer.Option(help="False-discovery rate of every family.")
    ] = 0.05,
    site: Annotated[
        list[str] | None,
        typer.Option(help="A site to expect although it never delivered; repeatable."),
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(help="local, threads, a YAML file, or tcp://host:port."),
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(help="Override the number of workers.")
    ] = None,
    rows_per_block: Annotated[
        int | None, typer.Option(help="Agents per Dask task; as stored when absent.")
    ] = None,
    shuffle: Annotated[
        bool, typer.Option(help="Work in another order; results stay equal.")
    ] = False,
    ingest: Annotated[
        bool, typer.Option(help="Ingest what lies in HOME/landing first.")
    ] = True,
    force: Annotated[
        bool, typer.Option(help="Compute again although nothing has changed.")
    ] = False,
    weigh: Annotated[
        str,
        typer.Option("--consensus", help="Weigh evidence: off, robust or exact."),
    ] = "off",
    reissue: Annotated[
        bool,
        typer.Option(help="Also issue affected nights before it again: see reconcile."),
    ] = False,
    reissue_nights: Annotated[
        int, typer.Option(help="How many nights before it these may lie.")
    ] = 7,
    signatures: Signed = "registered",
    now: Now = None,
    json: Json = False,
) -> None:
    """Compute, check and publish one night.

    A night that already stands is left as it is and said so.  Exit status: 0 published
    or standing, 1 a check of the run did not pass, 2 the run could not be done.
    """
    from flows.console import Console  # noqa: PLC0415
    from flows.nightly import nightly as flow  # noqa: PLC0415
    from flows.parameters import NightParameters  # noqa: PLC0415

    with Console(json=json) as console:
        given = {
            "home": home, "night": night, "window": window, "workers": workers,
            "false_discovery": false_discovery, "sites": tuple(site or ()),
            "cluster": cluster, "rows_per_block": rows_per_block, "ingest": ingest,
            "force": force, "now": now, "signatures": signatures, "consensus": weigh,
            "reissue": reissue, "reissue_nights": reissue_nights,
            "order": "shuffled" if shuffle else "sorted",
        }  # fmt: skip
        parameters = NightParameters.model_validate(given)
        console.done(flow(parameters))


app.command()(reconcile)
app.command()(backfill)
app.command()(deploy)
app.command()(ledger)
app.command()(consensus)
app.command()(investigate)
app.command()(labels)
app.add_typer(keys)
app.command()(sign)
app.command()(sync)
app.command()(verify)
app.command()(export)
app.command()(retain)
app.command()(gc)
app.add_typer(hold)


@app.command()
def status(home: Home = Path("data"), *, json: Json = False) -> None:
    """Show what the store holds, what was published and what is in quarantine."""
    from flows.console import Console  # noqa: PLC0415
    from tasks.status import home_status  # noqa: PLC0415

    with Console(json=json, progress=False) as console:
        console.status(home_status(home))


@app.command()
def summarize(
    array: Annotated[
        str, typer.Argument(help="Zarr array of agents x times x features.")
    ],
    *,
    path: Annotated[
        str, typer.Option(help="Of the array, where ARRAY is a group or a repository.")
    ] = "",
    groups: Annotated[
        str | None,
        typer.Option(
            help="Label of each agent: an array beside the data (team), a .npy file, "
            "or file.parquet:column. Without, all agents are one group."
        ),
    ] = None,
    statistic: Annotated[
        str, typer.Option(help="moments, spread (no covariances), quantiles, or shape.")
    ] = "moments",
    threads: Annotated[int, typer.Option(help="Chunks worked on at once.")] = 1,
    memory_limit: Annotated[
        str | None,
        typer.Option(help="Refuse before reading if more is predicted: 2GB."),
    ] = None,
    missing: Annotated[
        str | None, typer.Option(help="A chunk that is not stored: refuse or fill.")
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(help="Of an Icechunk repository; the newest if absent."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Empty folder for summary.zarr and summary.json."),
    ] = None,
    json: Json = False,
) -> None:
    """Summarise any grouped zarr array, exactly, in one pass and bounded memory.

    Prints count, mean with its interval, standard deviation and extremes of every group
    and feature.  Agents sorted by group need the least memory.
    """
    from flows.console import Console  # noqa: PLC0415
    from flows.summarize import SummarizeParameters, summarize_here  # noqa: PLC0415

    with Console(json=json) as console:
        given = {
            "array": array, "path": path, "groups": groups, "statistic": statistic,
            "threads": threads, "memory_limit": memory_limit, "missing": missing,
            "snapshot": snapshot, "output": output,
        }  # fmt: skip
        console.summarized(summarize_here(SummarizeParameters.model_validate(given)))
