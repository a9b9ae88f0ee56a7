"""What a run leaves in the Prefect UI: short markdown, tables, progress, a link."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.duty import duty_summary
from tasks.report.night_report import NightReport
from tasks.report.rows import AgentRow, GroupRow, Verdict

__all__ = [
    "NightProgress",
    "publish_consensus_answer",
    "publish_investigation",
    "publish_label_answer",
    "publish_report",
    "publish_verdicts",
]

_STEPS = 7
_ROWS = 50


class NightProgress:
    """One progress artifact over the steps of a night."""

    def __init__(self, night: str) -> None:
        created = create_progress_artifact(
            progress=0.0,
            key="nightly-progress",
            description=f"Night {night}: steps finished.",
        )
        self._id: UUID = created  # type: ignore[assignment]  # a UUID in a sync flow
        self._done = 0

    def step(self) -> None:
        """One more step is finished."""
        self._done += 1
        share = 100.0 * min(self._done / _STEPS, 1.0)
        update_progress_artifact(artifact_id=self._id, progress=share)


def publish_report(report: NightReport, page: Path, home: Path) -> None:
    """Leave the first screen as markdown, findings as tables, a link to the page."""
    create_markdown_artifact(
        key="nightly-report",
        markdown=duty_summary(report, page, home),
        description=f"Night {report.night}, revision {report.revision}.",
    )
    create_link_artifact(
        key="nightly-page",
        link=page.resolve().as_uri(),
        link_text=f"Report of {report.night}, revision {report.revision}",
        description="The full report, one HTML file.",
    )
    create_table_artifact(
        key="nightly-teams",
        table=[_team(row) for row in report.teams[:_ROWS]],
        description=f"Teams, {report.lead_feature.feature.label}; those found first.",
    )
    create_table_artifact(
        key="nightly-agents",
        table=[_agent(report.agent_noun, row) for row in report.agents[:_ROWS]],
        description=f"{report.agents_noun.capitalize()}, the most unusual first.",
    )


def _team(row: GroupRow) -> dict[str, Any]:
    return {
        "team": row.name,
        "site": row.site,
        "n": row.estimate.n,
        "mean": row.estimate.value,
        "lower": row.estimate.lower,
        "upper": row.estimate.upper,
        "q": row.q,
        "stands out": row.found,
    }


def _agent(noun: str, row: AgentRow) -> dict[str, Any]:
    return {
        noun: row.entity,
        "team": row.team,
        "n": row.n,
        "main feature": row.main_feature.label,
        "value": row.value,
        "team's value": row.team_value,
        "q": row.q,
        "stands out": row.found,
    }


def publish_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Leave the table of checks."""
    create_table_artifact(
        key="nightly-verdicts",
        table=[
            {
                "check": verdict.name,
                "outcome": verdict.outcome,
                "compared": verdict.n,
                "what": verdict.detail,
            }
            for verdict in verdicts
        ],
        description="Checks of the run itself; one that does not pass fails the run.",
    )


def publish_investigation(
    *,
    title: str,
    text: str,
    page: Path,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> None:
    """Leave the answer, a link to the page, and the nights that stand out."""
    create_markdown_artifact(
        key="investigate-answer", markdown=f"**{title}**\n\n{text}", description=title
    )
    create_link_artifact(
        key="investigate-page",
        link=page.resolve().as_uri(),
        link_text=title,
        description="The full history, one HTML file.",
    )
    create_table_artifact(
        key="investigate-nights",
        table=[dict(zip(columns, row, strict=True)) for row in rows[:_ROWS]],
        description="Nights that stand out.",
    )


def publish_consensus_answer(
    *,
    about: str,
    lines: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> None:
    """Leave what was found in words, and its table."""
    _publish_answer(
        "consensus", f"What sources say together about {about}.", lines,
        f"Evidence about {about}, the weightiest first.", columns, rows,
    )  # fmt: skip


def publish_label_answer(
    *,
    about: str,
    lines: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> None:
    """Leave what annotators say together, and the table of them."""
    _publish_answer(
        "labels", f"What annotators say together in {about}.", lines,
        f"Annotators of {about}, remarkable ones first.", columns, rows,
    )  # fmt: skip


def _publish_answer(
    key: str,
    said: str,
    lines: Sequence[str],
    shown: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> None:
    create_markdown_artifact(
        key=f"{key}-answer", markdown="\n\n".join(lines), description=said
    )
    create_table_artifact(
        key=f"{key}-table",
        table=[dict(zip(columns, row, strict=True)) for row in rows[:_ROWS]],
        description=shown,
    )
