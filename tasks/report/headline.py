"""One night in one sentence: chips, verdict, paragraph and to-do list, from data.

The page's h1 and `<title>`, the first line of the command line, the markdown beside
the run and the index all come from `headline`, so they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tasks.report import briefing
from tasks.report.derived import NIGHTS_NEEDED, Derived, derive
from tasks.report.night_report import NightReport
from tasks.report.phrases import outside, sentence, within
from tasks.report.todo import Todo, todo
from tasks.report.wording import (
    count,
    day,
    join_words,
    number,
    percent,
    plural,
)

__all__ = ["Chip", "Headline", "Todo", "headline", "markdown_summary", "summary_line"]


@dataclass(frozen=True, slots=True)
class Chip:
    """A word with a shape and a tone: `dot`, `diamond` or `hatch`."""

    text: str
    shape: Literal["dot", "diamond", "hatch"]
    tone: Literal["estimate", "finding", "missing"]


@dataclass(frozen=True, slots=True)
class Headline:
    """The first screen in words.

    Attributes
    ----------
    title : str
        The verdict, without a full stop.
    behaviour_chip : Chip or None
        Usual or unusual; None without an answer.
    findings_chip : Chip or None
        Who is to be checked; None if nobody.
    data_chip : Chip
        What arrived: an axis of its own, never mixed with behaviour.
    checks_chip : Chip or None
        Only when a check of the run failed.
    paragraph : tuple of str
        One paragraph each: what moved, what missing data does, what a re-issue changed.
    todo : tuple of Todo
        Imperatives with a number, most urgent first.
    degraded : bool
        So little arrived that this is said first.
    """

    title: str
    behaviour_chip: Chip | None
    findings_chip: Chip | None
    data_chip: Chip
    checks_chip: Chip | None
    paragraph: tuple[str, ...]
    todo: tuple[Todo, ...]
    degraded: bool

    @property
    def chips(self) -> tuple[Chip, ...]:
        """In reading order; what arrived comes first when the night is degraded."""
        found = (self.checks_chip, self.behaviour_chip, self.findings_chip)
        rest = tuple(chip for chip in found if chip is not None)
        if self.degraded:
            return (self.data_chip, *rest)
        return (*rest, self.data_chip)


def headline(report: NightReport) -> Headline:
    """Apply the verdict rules, the first that matches, to one night."""
    derived = derive(report)
    return Headline(
        title=_title(report, derived),
        behaviour_chip=_behaviour(report, derived),
        findings_chip=_findings(report, derived),
        data_chip=_data(report, derived),
        checks_chip=_checks(derived),
        paragraph=briefing.paragraph(report, derived),
        todo=todo(report, derived),
        degraded=derived.degraded and derived.answered,
    )


def _title(report: NightReport, derived: Derived) -> str:
    if not derived.answered:
        return _refused(report, derived) + _failed_suffix(derived)
    lead = report.lead_feature
    usual = lead.estimate.usual_lower is not None
    agents = report.agent_summary.found
    others = [
        f for f in report.features if f.estimate.outside and f.feature != lead.feature
    ]
    quiet = usual and not derived.unusual
    if lead.estimate.outside:
        text = outside(lead.feature, lead.estimate, report.row_noun)
    elif agents:
        text = _agents(report, agents) + (
            " on an otherwise usual night" if quiet and not derived.teams_found else ""
        )
    elif derived.teams_found or derived.sites_found:
        text = _groups(report, derived) + (
            " on an otherwise usual night" if quiet else ""
        )
    elif others:
        text = outside(others[0].feature, others[0].estimate, report.row_noun)
    elif usual:
        text = within(lead.feature, lead.estimate, report.row_noun)
    else:
        text = _first_nights(report, derived)
    return text + _missing_suffix(report) + _failed_suffix(derived)


def _refused(report: NightReport, derived: Derived) -> str:
    limit = briefing.limit(report)
    who = join_words(report.missing_sites[:3]) or "every site"
    if len(report.missing_sites) > 3:
        who = f"{len(report.missing_sites)} sites"
    if report.arrived_share == 0:
        return f"No answer for {day(report.night)}: nothing has arrived, limit {limit}"
    share = percent(derived.missing_share)
    return (
        f"No answer for {day(report.night)}: {who} with {share} missing, limit {limit}"
    )


def _agents(report: NightReport, found: int) -> str:
    noun = report.agent_noun if found == 1 else report.agents_noun
    stand, whose = ("stands", "its") if found == 1 else ("stand", "their")
    teams = report.team_noun if found == 1 else plural(report.team_noun)
    tested = number(report.agent_summary.tested)
    if found == 1:
        return f"1 of {tested} {report.agents_noun} stands out from its {teams}"
    return f"{number(found)} of {tested} {noun} {stand} out from {whose} {teams}"


def _groups(report: NightReport, derived: Derived) -> str:
    if not derived.teams_found:
        return f"{join_words(derived.sites_found)} shifted as a whole"
    found, tested = number(derived.teams_found), number(derived.teams_tested)
    return f"{found} of {tested} {plural(report.team_noun)} shifted"


def _first_nights(report: NightReport, derived: Derived) -> str:
    lead = report.lead_feature
    said = sentence(lead.feature, lead.estimate, report.row_noun)
    have = f"{derived.history} of {NIGHTS_NEEDED}"
    return f"{said}; no usual range yet, {have} nights needed"


def _missing_suffix(report: NightReport) -> str:
    missing = report.missing_sites
    if not missing:
        return ""
    if len(missing) > 3:
        return f"; {len(missing)} sites are missing"
    return f"; {join_words(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _failed_suffix(derived: Derived) -> str:
    n = len(derived.checks_failed)
    return f"; {count(n, 'check')} of this run failed" if n else ""


def _behaviour(report: NightReport, derived: Derived) -> Chip | None:
    if not derived.answered:
        return None
    if derived.unusual:
        return Chip("Unusual night", "diamond", "finding")
    if report.lead_feature.estimate.usual_lower is None:
        return Chip("No usual range yet", "hatch", "missing")
    return Chip("Usual night", "dot", "estimate")


def _findings(report: NightReport, derived: Derived) -> Chip | None:
    parts = []
    agents = report.agent_summary.found
    if agents:
        parts.append(count(agents, report.agent_noun, report.agents_noun))
    if derived.teams_found and not derived.common_cause:
        parts.append(count(derived.teams_found, report.team_noun))
    if not parts:
        return None
    return Chip(f"{join_words(parts)} to check", "diamond", "finding")


def _data(report: NightReport, derived: Derived) -> Chip:
    if not derived.answered:
        return Chip("No answer", "hatch", "missing")
    if report.missing_sites or derived.missing_share > 0:
        share = percent(report.arrived_share)
        state = "Degraded" if derived.degraded else "Data incomplete"
        return Chip(f"{state}: {share} arrived", "hatch", "missing")
    return Chip("Data complete", "dot", "estimate")


def _checks(derived: Derived) -> Chip | None:
    n = len(derived.checks_failed)
    return Chip(f"{count(n, 'check')} failed", "diamond", "finding") if n else None


def summary_line(report: NightReport, *, page: str = "") -> dict[str, Any]:
    """Keep for the index what it shows of this one: plain values, one JSON line.

    `page` is the address of the night's page relative to the index.
    """
    head, derived, lead = headline(report), derive(report), report.lead_feature
    estimate = lead.estimate
    return {
        "format": 1,
        "dataset": report.dataset,
        "night": report.night,
        "revision": report.revision,
        "made": report.made,
        "page": page,
        "title": head.title,
        "unusual": derived.unusual,
        "answered": derived.answered,
        "arrived_share": report.arrived_share,
        "missing_sites": list(report.missing_sites),
        "label": lead.feature.label,
        "unit": lead.feature.unit,
        "n": estimate.n,
        "basis": estimate.basis,
        "value": estimate.value,
        "lower": estimate.lower,
        "upper": estimate.upper,
        "usual_lower": estimate.usual_lower,
        "usual_upper": estimate.usual_upper,
        "outside": estimate.outside,
        "agents_noun": report.agents_noun,
        "agents_found": report.agent_summary.found,
        "agents_tested": report.agent_summary.tested,
        "team_noun": report.team_noun,
        "teams_found": derived.teams_found,
        "teams_tested": derived.teams_tested,
        "changes": len(report.changes),
        "checks_failed": len(derived.checks_failed),
    }


def markdown_summary(report: NightReport) -> str:
    """Write the first screen as short markdown, for the artifact beside the run."""
    head = headline(report)
    lines = [f"# {_markdown(head.title)}", ""]
    lines += [" · ".join(f"**{_markdown(c.text)}**" for c in head.chips), ""]
    lines += [part for text in head.paragraph for part in (_markdown(text), "")]
    lines += ["## To do", "", *(f"- {_markdown(item.text)}" for item in head.todo), ""]
    made = f"{report.dataset}, {report.night}, revision {report.revision}"
    lines.append(f"{_markdown(made)}, snapshot `{report.provenance.snapshot}`")
    return "\n".join(lines) + "\n"


def _markdown(text: str) -> str:
    """Escape what markdown and the HTML inside it would interpret."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return "".join("\\" + c if c in "\\`*_[]#|" else c for c in text)
