"""The to-do list under the verdict: imperatives, each with a number and a link."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.report.derived import (
    Derived,
    MissingSite,
    ordered_agents,
    ordered_changes,
    ordered_teams,
)
from tasks.report.findings import ChangeRow
from tasks.report.night_report import NightReport
from tasks.report.wording import age, count, day, join_words, p_phrase

__all__ = ["Todo", "todo"]


@dataclass(frozen=True, slots=True)
class Todo:
    """An imperative with a number; `href` is an anchor on the page, or empty."""

    text: str
    href: str = ""


def todo(report: NightReport, derived: Derived) -> tuple[Todo, ...]:
    """Imperatives: the run itself, data to chase, findings, revisions to pass on."""
    items: list[Todo] = []
    if derived.checks_failed:
        n = len(derived.checks_failed)
        text = f"Do not pass these numbers on: {count(n, 'check')} of this run failed."
        items.append(Todo(text, "#checks"))
    if derived.checks_not_run:
        checks = count(derived.checks_not_run, "check")
        items.append(Todo(f"Find out why {checks} could not run.", "#checks"))
    items += [
        Todo(f"Repair section “{e.section}”: {e.kind}.", f"#{e.section}")
        for e in report.errors
    ]
    items += _chase(report, derived.missing)
    if derived.refused_files:
        files = count(derived.refused_files, "refused file")
        items.append(Todo(f"Repair {files} in quarantine.", "#quality"))
    items += _investigate(report, derived)
    items += _over_nights(report, derived)
    items += _pass_on(report)
    return tuple(items)


def _chase(report: NightReport, missing: tuple[MissingSite, ...]) -> list[Todo]:
    if len(missing) > 4:
        names = join_words([m.site for m in missing[:3]] + [f"{len(missing) - 3} more"])
        return [
            Todo(f"Ask {len(missing)} sites for missing nights: {names}.", "#arrived")
        ]
    items = []
    for site in missing:
        text = f"Ask {site.site} for {count(site.owed, 'missing night')}"
        if site.tonight and site.age_seconds is not None:
            text += f": newest data is {age(site.age_seconds)} old"
            if site.age_seconds > report.limit_seconds:
                text += f", limit {age(report.limit_seconds)}"
        elif site.tonight:
            text += ": it never delivered"
        items.append(Todo(text + ".", "#arrived"))
    return items


def _investigate(report: NightReport, derived: Derived) -> list[Todo]:
    found = [a for a in ordered_agents(report) if a.found]
    n = report.agent_summary.found
    items = []
    if n and found:
        first = found[0]
        who = count(n, report.agent_noun, report.agents_noun)
        start = f", first {first.entity} ({first.team})" if n > 1 else ""
        start = start or f": {first.entity} ({first.team})"
        items.append(Todo(f"Investigate {who}{start}.", "#agents"))
    elif report.agent_summary.tested:
        items.append(Todo(f"No {report.agent_noun} needs investigating."))
    if derived.teams_found and not derived.common_cause:
        first_team = ordered_teams(report)[0].name
        teams = count(derived.teams_found, report.team_noun)
        items.append(Todo(f"Look at {teams}, first {first_team}.", "#teams"))
    if derived.misfit:
        p = p_phrase(report.agent_summary.misfit_p)
        text = f"Read the list of {report.agents_noun} with care: the reference fits "
        items.append(Todo(text + f"this night badly ({p}).", "#agents"))
    if derived.extrapolated:
        n_far = count(derived.extrapolated, report.agent_noun, report.agents_noun)
        text = f"Take p of {n_far} as a bound: further out than every past night."
        items.append(Todo(text, "#agents"))
    return items


def _over_nights(report: NightReport, derived: Derived) -> list[Todo]:
    """Name what was found over many nights; silent when nothing was."""
    items = []
    changed = ordered_changes(report)
    if derived.changes_found and changed:
        who = count(derived.changes_found, report.agent_noun, report.agents_noun)
        text = f"Look at {who} that changed over several nights, first "
        items.append(Todo(f"{text}{_change(changed[0])}.", "#behaviour"))
    if derived.drift_found:
        baselines = count(derived.drift_found, "baseline")
        text = f"Look at {baselines} that moved away from the nights before."
        items.append(Todo(text, "#drift"))
    if derived.cliques_found:
        groups = count(derived.cliques_found, "group")
        text = f"Ask why {groups} of {report.agents_noun} move together beyond chance."
        items.append(Todo(text, "#collusion"))
    return items


def _change(row: ChangeRow) -> str:
    since = f" since {day(row.since)}" if row.since else ""
    return f"{row.entity} ({row.kind}{since})"


def _pass_on(report: NightReport) -> list[Todo]:
    if not report.changes:
        return []
    first = report.changes[0]
    what = count(len(report.changes), "change")
    place = f"{first.site}, {day(first.night)}"
    where = place if len(report.changes) == 1 else f"{place} and others"
    return [Todo(f"Pass on {what}: {where}.", "#changes")]
