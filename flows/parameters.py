"""Parameters of the flows: one validated model each, shown as a form in the UI."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

from pydantic import Field

from flows.parameter_base import (
    LATEST,
    IsoNight,
    NightName,
    Parameters,
    SignedParameters,
    WeighingParameters,
)

__all__ = [
    "IngestParameters",
    "InvestigateParameters",
    "NightParameters",
    "ReconcileParameters",
]


class IngestParameters(SignedParameters):
    """What to ingest, and how strict to be."""

    paths: tuple[Path, ...] = Field(
        default=(),
        description="Files or folders; empty takes the landing folder.",
    )
    strict: bool = Field(
        default=False,
        description="Refuse the whole batch when one file is refused.",
    )
    dry_run: bool = Field(
        default=False, description="Check everything and write nothing."
    )
    keep: bool = Field(
        default=False,
        description="Copy refused files to the quarantine instead of moving them.",
    )
    evidence: bool = Field(
        default=False,
        description="Read every file as evidence, also where nothing in it says so.",
    )
    batch: int = Field(
        default=64, ge=1, le=4096, description="Shards per commit, 1 to 4096."
    )


class NightParameters(WeighingParameters):
    """Which night to compute, from how many nights before, and where it runs."""

    night: NightName = Field(
        default=LATEST,
        description="Night to compute, YYYY-MM-DD; latest is the newest delivered.",
    )
    window: int = Field(
        default=60,
        ge=1,
        le=800,
        description="Nights before it that form the baseline, 1 to 800.",
    )
    false_discovery: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="False-discovery rate of every family, between 0 and 1.",
    )
    alert_q: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="An agent that stands out raises an alarm (an event) at or below "
        "this q, above 0 to 1.",
    )
    sites: tuple[str, ...] = Field(
        default=(),
        description="Sites to expect beside those that ever delivered.",
    )
    cluster: str = Field(
        default="local",
        description="local, threads, a YAML file, or the address of a scheduler.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Override the number, 1 to 1024.",
    )
    rows_per_block: int | None = Field(
        default=None, ge=1, description="Agents per Dask task; empty: as stored."
    )
    fan_in: int = Field(
        default=16, ge=2, le=256, description="Summaries per merge, 2 to 256."
    )
    order: Literal["sorted", "shuffled"] = Field(
        default="sorted",
        description="Order of the work; results do not depend on it.",
    )
    ingest: bool = Field(
        default=True, description="Ingest what lies in the landing folder first."
    )
    force: bool = Field(
        default=False, description="Compute again even when nothing has changed."
    )
    catch_up: int = Field(
        default=0,
        ge=0,
        le=800,
        description="With latest: also publish delivered nights that were missed among "
        "so many before it, 0 to 800.",
    )
    reissue: bool = Field(
        default=False,
        description="Also issue nights before it again that changed shards affect.",
    )
    reissue_nights: int = Field(
        default=7,
        ge=1,
        le=800,
        description="How many nights before it those may lie, 1 to 800.",
    )

    def results(self) -> dict[str, object]:
        """Parameters that can change a result; the others only change how it runs."""
        return {
            "window": self.window,
            "false_discovery": self.false_discovery,
            "sites": sorted(self.sites),
            **self.weighing(),
        }


class ReconcileParameters(SignedParameters):
    """Which published nights may be issued again, and where that runs."""

    since: IsoNight | None = Field(
        default=None,
        description="First published night to look at, YYYY-MM-DD; empty: all.",
    )
    nights: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="How many nights to issue again at most, 0 to 10,000, newest "
        "first; the others are marked out of date. Empty: all.",
    )
    dry_run: bool = Field(
        default=False, description="Say what is affected and change nothing."
    )
    ingest: bool = Field(
        default=True, description="Ingest what lies in the landing folder first."
    )
    window: int = Field(
        default=60,
        ge=1,
        le=800,
        description="Window, 1 to 800, of nights whose publication names none.",
    )
    false_discovery: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="False-discovery rate of such nights, 0 to 1.",
    )
    cluster: str = Field(
        default="local",
        description="local, threads, a YAML file, or the address of a scheduler.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Override the number, 1 to 1024.",
    )


class InvestigateParameters(Parameters):
    """Whom to investigate, over which nights."""

    name: str = Field(
        min_length=1,
        description="An agent or entity, a team (site/team, or its name if only one "
        "site has it), or a site; a prefix agent:, team: or site: forces one.",
    )
    since: IsoNight | None = Field(
        default=None,
        description="First night, YYYY-MM-DD, included; empty: the last 60 delivered "
        "nights, but half of all are kept to say what is usual.",
    )
    until: IsoNight | None = Field(
        default=None,
        description="Last night, included; empty: the newest delivered.",
    )
    window: int = Field(
        default=60,
        ge=1,
        le=800,
        description="Nights before the first that say what is usual, 1 to 800.",
    )
    false_discovery: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="False-discovery rate over the nights, between 0 and 1.",
    )
    output: Path | None = Field(
        default=None,
        description="Folder for page and data; empty: investigations/NAME/FROM_TO "
        "in the home folder.",
    )

    @property
    def made(self) -> dt.datetime:
        """When the page is made: now, or the replayed clock."""
        moment = self.now or dt.datetime.now(dt.UTC)
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
