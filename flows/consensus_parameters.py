"""Parameters of a consensus."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from flows.parameter_base import LATEST, NightName, Parameters

__all__ = ["ConsensusParameters"]


class ConsensusParameters(Parameters):
    """Whose evidence is weighed, and how."""

    agent: str | None = Field(
        default=None,
        description="Explain this agent; empty: decide about all and publish that.",
    )
    night: NightName = Field(
        default=LATEST,
        description="Last night, YYYY-MM-DD; latest is the newest with evidence.",
    )
    nights: int = Field(
        default=60,
        ge=0,
        le=800,
        description="Nights before it whose evidence counts as well, 0 to 800.",
    )
    mode: Literal["robust", "exact"] = Field(
        default="robust",
        description="robust withstands lying sources, exact believes everybody.",
    )
    liars: int | None = Field(
        default=None,
        ge=0,
        description="Lying sources to withstand; empty: the most that the known ones "
        "allow, (n - 1) // 3.",
    )
    prior: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="Probability before any evidence that an agent is compromised.",
    )
    tempering: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Share of the evidence that is independent, above 0 to 1; empty: "
        "estimated.",
    )
    expected: tuple[str, ...] = Field(
        default=(),
        description="Sources to reckon with beside those that ever delivered.",
    )
    signed_only: bool = Field(
        default=False, description="Leave out evidence that is not signed."
    )
    one_voice: bool = Field(
        default=True,
        description="Sources that repeat one another have one voice together.",
    )
    weights: Literal["learnt"] | None = Field(
        default=None,
        description="In mode exact: sources count as far as the others bear them out; "
        "empty: as much as they say.",
    )
    informative: int | None = Field(
        default=None,
        ge=0,
        description="In mode robust: honest sources that audits have shown to tell the "
        "hypotheses apart; enough of them allow the status supported.",
    )
    cluster: str | None = Field(
        default=None,
        description="local, threads, a YAML file, or the address of a scheduler; "
        "empty: in this process.",
    )
    worker_faults: int | None = Field(
        default=None,
        ge=0,
        description="Faulty workers to withstand: partitions are computed by several "
        "of the cluster; empty: workers are trusted.",
    )
    top: int = Field(
        default=20,
        ge=0,
        le=10_000,
        description="Agents shown, 0 to 10,000, the likeliest first.",
    )
    output: Path | None = Field(
        default=None,
        description="Folder for posteriors.parquet; empty: posteriors/RUN in the home "
        "folder.",
    )
