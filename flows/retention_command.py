"""The commands `retain`, `gc` and `hold`; heavy imports happen inside them."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from flows.options import Home, Json, Now
from flows.parameter_base import IsoNight

__all__ = ["gc", "hold", "retain"]

Policy = Annotated[
    Path | None,
    typer.Option(help="YAML file with the tiers; none takes HOME/retention.yaml."),
]
Apply = Annotated[
    bool, typer.Option("--apply", help="Do it; without, nothing is changed.")
]

hold = typer.Typer(
    name="hold",
    help="Keep what is under investigation: holds on sites, nights and agents.",
    no_args_is_help=True,
)


def retain(
    home: Home = Path("data"),
    *,
    policy: Policy = None,
    apply: Apply = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Drop values that are old enough, once their exact summaries are kept.

    Says what would go in each tier; --apply does it.  Ledger rows, results and what a
    hold covers stay.  Exit status: 0 done or said, 1 a summary does not match its
    values, 2 it could not be done.
    """
    from flows.console import Console  # noqa: PLC0415
    from flows.retention_parameters import RetentionParameters  # noqa: PLC0415
    from tasks.keys import clock  # noqa: PLC0415
    from tasks.retain import describe_retained  # noqa: PLC0415
    from tasks.retain import retain as work  # noqa: PLC0415

    with Console(json=json) as console:
        rules = RetentionParameters.load(policy, home).policy()
        done = work(str(home / "store"), rules, now=clock(now), apply=apply)
        console.answer(describe_retained(done, rules))


def gc(
    home: Home = Path("data"),
    *,
    policy: Policy = None,
    apply: Apply = False,
    json: Json = False,
) -> None:
    """Give space back: let the history go beyond its age, delete what nothing reaches.

    What is younger than two days is never deleted, so readers and writers at work lose
    nothing.  Exit status: 0 done or said, 2 it could not be done.
    """
    from flows.console import Console  # noqa: PLC0415
    from flows.retention_parameters import RetentionParameters  # noqa: PLC0415
    from tasks.retain import collect, describe_collected  # noqa: PLC0415

    with Console(json=json) as console:
        rules = RetentionParameters.load(policy, home).policy()
        done = collect(str(home / "store"), rules, now=time.time_ns(), apply=apply)
        console.answer(describe_collected(done))


@hold.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Of the hold.")],
    home: Home = Path("data"),
    *,
    reason: Annotated[str, typer.Option(help="Why.")],
    owner: Annotated[str, typer.Option(help="Who may let it go.")],
    site: Annotated[
        list[str] | None, typer.Option(help="Repeatable; none means every site.")
    ] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option(help="Only shards with this agent; repeatable."),
    ] = None,
    since: Annotated[str, typer.Option(help="First night.")] = "0001-01-01",
    until: Annotated[str, typer.Option(help="Last night.")] = "9999-12-31",
    expires: Annotated[
        datetime | None, typer.Option(help="When it ends by itself, UTC.")
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Keep everything of some sites, nights or agents until it is released."""
    from flows.console import Console  # noqa: PLC0415
    from storage.holds import Hold  # noqa: PLC0415
    from tasks.holds import add_hold  # noqa: PLC0415
    from tasks.keys import clock  # noqa: PLC0415

    with Console(json=json) as console:
        night: TypeAdapter[str] = TypeAdapter(IsoNight)
        placed = Hold(
            name, reason, owner, clock(now),
            None if expires is None else clock(expires), tuple(site or ()),
            night.validate_python(since), night.validate_python(until),
            tuple(agent or ()),
        )  # fmt: skip
        console.answer(add_hold(home, placed))


@hold.command("list")
def show(home: Home = Path("data"), *, now: Now = None, json: Json = False) -> None:
    """Show every hold, what it keeps, why, and for whom."""
    from flows.console import Console  # noqa: PLC0415
    from tasks.holds import list_holds  # noqa: PLC0415
    from tasks.keys import clock  # noqa: PLC0415

    with Console(json=json) as console:
        console.answer(list_holds(home, now=clock(now)))


@hold.command("release")
def release(
    name: Annotated[str, typer.Argument(help="Of the hold.")],
    home: Home = Path("data"),
    *,
    json: Json = False,
) -> None:
    """Let go of what a hold kept; the next `retain` may drop it."""
    from flows.console import Console  # noqa: PLC0415
    from tasks.holds import end_hold  # noqa: PLC0415

    with Console(json=json) as console:
        console.answer(end_hold(home, name))
