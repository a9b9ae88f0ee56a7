"""Parameters of a back-fill: a range of nights, and how each of them is computed."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from flows.parameter_base import IsoNight, WeighingParameters

__all__ = ["BackfillParameters"]


class BackfillParameters(WeighingParameters):
    """Which nights to compute one after the other, and where that runs."""

    since: IsoNight = Field(description="First night, YYYY-MM-DD, included.")
    until: IsoNight | None = Field(
        default=None, description="Last night, included; empty: the newest delivered."
    )
    force: bool = Field(
        default=False,
        description="Also compute nights again that stand; without, only those never "
        "published or out of date.",
    )
    stop_at_failure: bool = Field(
        default=False,
        description="Leave the rest when a night cannot be computed; without, go on "
        "and name it at the end.",
    )
    ingest: bool = Field(
        default=False, description="Ingest what lies in the landing folder first."
    )
    window: int = Field(
        default=60,
        ge=1,
        le=800,
        description="Nights before each that form its baseline, 1 to 800.",
    )
    false_discovery: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="False-discovery rate of every family, between 0 and 1.",
    )
    cluster: str = Field(
        default="local",
        description="Name of a shipped description, a YAML file, or the address of a "
        "scheduler.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Override the number of workers, 1 to 1024.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise ValueError(
                f"until {self.until} lies before since {self.since}. Swap them."
            )
        return self
