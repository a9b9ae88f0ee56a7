"""What the parameters of all flows share: nights, folders of a home, a clock."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = [
    "LATEST",
    "IsoNight",
    "NightName",
    "Parameters",
    "SignedParameters",
    "WeighingParameters",
]

LATEST = "latest"


def _iso_night(value: str) -> str:
    if value != LATEST:
        try:
            dt.date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(
                f"night {value!r} is not a date. Use YYYY-MM-DD or latest."
            ) from error
    return value


NightName = Annotated[
    str,
    Field(pattern=r"^(latest|\d{4}-\d{2}-\d{2})$"),
    AfterValidator(_iso_night),
]


def _iso_date(value: str) -> str:
    try:
        dt.date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a date. Use YYYY-MM-DD.") from error
    return value


IsoNight = Annotated[
    str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_iso_date)
]


class Parameters(BaseModel):
    """Where everything lies, and what time it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(
        default=Path("data"),
        description="Folder that holds store, landing files, quarantine and reports.",
    )
    now: dt.datetime | None = Field(
        default=None,
        description="Clock of a replay or back-fill, ISO 8601, UTC; empty: real time.",
    )

    @property
    def now_ns(self) -> int | None:
        """The replayed clock in nanoseconds UTC, None for the real one."""
        if self.now is None:
            return None
        moment = self.now if self.now.tzinfo else self.now.replace(tzinfo=dt.UTC)
        return int(moment.timestamp()) * 1_000_000_000

    @property
    def store(self) -> Path:
        """The store of shards and results."""
        return self.home / "store"

    @property
    def landing(self) -> Path:
        """Where sites put their files."""
        return self.home / "landing"

    @property
    def quarantine(self) -> Path:
        """Where refused files go, each with its reason."""
        return self.home / "quarantine"

    @property
    def reports(self) -> Path:
        """The pages of all nights."""
        return self.home / "reports"


class SignedParameters(Parameters):
    """A flow that may take files in."""

    signatures: Literal["registered", "require", "accept-unsigned"] = Field(
        default="registered",
        description="Whose files must be signed: those of sites and sources with a "
        "key, everybody's, or nobody's; a wrong signature is always refused.",
    )


class WeighingParameters(SignedParameters):
    """A flow that may weigh the evidence of a night."""

    consensus: Literal["off", "robust", "exact"] = Field(
        default="off",
        description="Weigh scores and other evidence of the night together: robust "
        "withstands lying sources, exact believes everybody, off weighs nothing.",
    )
    prior: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="Probability before any evidence that an agent is compromised.",
    )
    evidence_nights: int = Field(
        default=0,
        ge=0,
        le=800,
        description="Nights before it whose evidence counts as well, 0 to 800; what "
        "is always odd about an agent then counts once for each.",
    )

    def weighing(self) -> dict[str, object]:
        """Parameters of the consensus; none where nothing is weighed."""
        if self.consensus == "off":
            return {}
        return {
            "consensus": self.consensus,
            "prior": self.prior,
            "evidence_nights": self.evidence_nights,
        }
