"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Home", "Json", "Now"]

Home = Annotated[
    Path,
    typer.Option(
        envvar="CONSILIENCE_HOME",
        help="Folder with store, landing files, quarantine and reports.",
    ),
]
Now = Annotated[
    datetime | None,
    typer.Option(help="Clock to replay, in UTC; for nights that are long past."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
