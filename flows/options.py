"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["Home", "Json", "Now", "Signed"]

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
Signed = Annotated[
    Literal["registered", "require", "accept-unsigned"],
    typer.Option(
        envvar="CONSILIENCE_SIGNATURES",
        help="Whose files must be signed: those of sites and sources with a key, "
        "everybody's, or nobody's; a wrong signature is always refused.",
    ),
]
