"""The commands `consilience keys` and `sign`; heavy imports happen inside them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.options import Home, Json, Now

__all__ = ["keys", "sign"]

keys = typer.Typer(
    name="keys",
    help="Make, register, rotate and revoke the keys that sources sign with.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Key = Annotated[
    Path, typer.Option("--key", help="Private key; only its owner may read the file.")
]
Source = Annotated[
    str, typer.Argument(help="Site or source of evidence the key signs for.")
]
Days = Annotated[int, typer.Option(min=1, max=36_500, help="How long it is valid.")]


@keys.command()
def new(
    source: Source,
    key: Key,
    home: Home = Path("data"),
    *,
    days: Days = 730,
    now: Now = None,
    json: Json = False,
) -> None:
    """Make a key pair: the private key, and KEY.pub to send to who runs the store.

    The private key stays where it is made: it is never part of a store, and a path
    below HOME is refused.  An existing file is never overwritten.
    """
    from flows.console import Console  # noqa: PLC0415
    from tasks.keys import clock, make_key  # noqa: PLC0415

    with Console(json=json, progress=False) as console:
        console.answer(make_key(source, key, home, days=days, now=clock(now)))


@keys.command()
def rotate(
    source: Source,
    key: Key,
    old: Annotated[Path, typer.Option(help="Private key that is replaced.")],
    home: Home = Path("data"),
    *,
    days: Days = 730,
    overlap_days: Annotated[
        int, typer.Option(min=0, max=3_650, help="How long the old one stays valid.")
    ] = 14,
    now: Now = None,
    json: Json = False,
) -> None:
    """Make a key that takes over from OLD and is endorsed by it: KEY and KEY.pub.

    Register KEY.pub with [bold]consilience keys add[/bold].  The old key stays valid
    for the overlap, so that what is on its way still arrives.
    """
    from flows.console import Console  # noqa: PLC0415
    from tasks.keys import clock, make_key  # noqa: PLC0415

    with Console(json=json, progress=False) as console:
        console.answer(
            make_key(
                source, key, home, days=days, now=clock(now),
                old=old, overlap_days=overlap_days,
            )
        )  # fmt: skip


@keys.command()
def add(
    files: Annotated[list[Path], typer.Argument(help="The .pub files, oldest first.")],
    home: Home = Path("data"),
    *,
    now: Now = None,
    json: Json = False,
) -> None:
    """Register keys in the store.  From then on their sources have to sign.

    A source that has a key in force needs an endorsement of the next one by it
    ([bold]keys rotate[/bold]), or a revocation first.  Before a first key, ask the
    source on another way whether the fingerprint is its own.
    """
    from flows.console import Console  # noqa: PLC0415
    from tasks.keys import add_keys, clock  # noqa: PLC0415

    with Console(json=json, progress=False) as console:
        console.answer(add_keys(files, home, now=clock(now)))


@keys.command(name="list")
def list_(
    home: Home = Path("data"),
    *,
    source: Annotated[str | None, typer.Option(help="Only keys of this one.")] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Show every key that was ever registered, and what it may do now.

    With --json the whole registry as well, as it can be read back.
    """
    from flows.console import Console  # noqa: PLC0415
    from tasks.keys import clock, list_keys  # noqa: PLC0415

    with Console(json=json, progress=False) as console:
        console.answer(list_keys(home, source, now=clock(now)))


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="Fingerprint, see `keys list`.")],
    reason: Annotated[str, typer.Option(help="Why; kept for good.")],
    home: Home = Path("data"),
    *,
    since: Annotated[
        datetime | None,
        typer.Option(help="When it may have been stolen, in UTC; now when absent."),
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Refuse whatever arrives with this key from now on; it cannot be taken back.

    Shards that were accepted stay.  Those accepted after SINCE are listed: have them
    sent again, signed with another key.
    """
    from flows.console import Console  # noqa: PLC0415
    from tasks.keys import clock, revoke_key  # noqa: PLC0415

    with Console(json=json, progress=False) as console:
        at = clock(now)
        start = at if since is None else clock(since)
        console.answer(revoke_key(key_id, home, since=start, now=at, reason=reason))


def sign(
    files: Annotated[list[Path], typer.Argument(help="Landing files.")],
    key: Key,
    home: Home = Path("data"),
    *,
    site: Annotated[str | None, typer.Option(help="Site, or source.")] = None,
    night: Annotated[str | None, typer.Option(help="YYYY-MM-DD.")] = None,
    part: Annotated[str | None, typer.Option(help="Part of the night.")] = None,
    epoch: Annotated[int | None, typer.Option(help="Of the version.")] = None,
    seq: Annotated[int | None, typer.Option(help="Of the version.")] = None,
    schema: Annotated[
        Path | None,
        typer.Option(help="Schema of behaviour as JSON; that of HOME when absent."),
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Sign landing files: write FILE.shard.json with hash, version and signature.

    The file is checked as ingest checks it.  What a header says already is kept;
    options win over it.
    """
    from flows.console import Console  # noqa: PLC0415
    from tasks.keys import clock, sign_files  # noqa: PLC0415

    with Console(json=json, progress=False) as console:
        said = {
            "site": site, "night": night, "part": part, "epoch": epoch, "seq": seq,
        }  # fmt: skip
        found = sign_files(files, key, home, schema=schema, said=said, now=clock(now))
        console.answer(found)
