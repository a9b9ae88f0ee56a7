"""What a person on duty needs of one night, as short markdown beside the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tasks.report.headline import markdown_summary
from tasks.report.night_report import NightReport

__all__ = ["duty_summary"]

_AGENTS = 10


def duty_summary(report: NightReport, page: Path, home: Path) -> str:
    """Write the first screen, then checks, missing sites, top agents, links, identity.

    Parameters
    ----------
    report : NightReport
    page : Path
        Of the report.
    home : Path
        For the command that computes the night again.
    """
    numbers = page.with_name("report.json")
    parts = [
        markdown_summary(report),
        "## Checks",
        _table(
            ("check", "outcome", "n", "what"),
            ((v.name, v.outcome, str(v.n), v.detail) for v in report.verdicts),
        ),
        "## Missing sites",
        _missing(report),
        f"## {report.agents_noun.capitalize()} that stand out",
        _agents(report),
    ]
    if report.posteriors is not None and report.posteriors.lines:
        parts += ["## Posteriors", *report.posteriors.lines]
    parts += [
        "## More",
        f"- [Report]({page.resolve().as_uri()})",
        *([f"- [Numbers]({numbers.resolve().as_uri()})"] if numbers.is_file() else []),
        f"- result digest `{report.provenance.result_digest}`",
        f"- again: `consilience nightly --night {report.night} --home {home} --force`",
    ]
    return "\n\n".join(parts[:-4]) + "\n\n" + "\n".join(parts[-4:]) + "\n"


def _missing(report: NightReport) -> str:
    silent = [site for site in report.sites if site.silent_nights]
    if not silent:
        return f"None: all {len(report.sites)} sites delivered."
    return _table(
        ("site", "silent nights", "usual share of rows"),
        ((s.site, str(s.silent_nights), f"{100 * s.share:.1f} %") for s in silent),
    )


def _agents(report: NightReport) -> str:
    found = [agent for agent in report.agents if agent.found]
    if not found:
        return f"None of {report.agent_summary.tested:,} tested."
    return _table(
        (report.agent_noun, "team", "n", "q", "feature", "value", "team's value"),
        (
            (
                agent.entity, agent.team, str(agent.n), f"{agent.q:.2g}",
                agent.main_feature.label, f"{agent.value:.4g}",
                f"{agent.team_value:.4g}",
            )
            for agent in found[:_AGENTS]
        ),
    )  # fmt: skip


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
