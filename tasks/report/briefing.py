"""The paragraph under the verdict, from the same counts as the rest of the page."""

from __future__ import annotations

from tasks.report.derived import Derived, ordered_agents
from tasks.report.missing import partial
from tasks.report.night_report import NightReport
from tasks.report.phrases import decimals, within
from tasks.report.rows import FeatureNight
from tasks.report.wording import (
    age,
    count,
    join_words,
    number,
    plural,
    quantity,
    span,
)

__all__ = ["limit", "paragraph"]


def limit(report: NightReport) -> str:
    """How late data may be, "1 night and 36 h"."""
    return f"{count(report.limit_nights, 'night')} and {age(report.limit_seconds)}"


def paragraph(report: NightReport, derived: Derived) -> tuple[str, ...]:
    """Say what moved, what missing data does to it, what a re-issue changed."""
    parts = (
        _moved(report, derived),
        partial(report, derived),
        _reissue(report),
    )
    return tuple(part for part in parts if part)


def _moved(report: NightReport, derived: Derived) -> str:
    if not derived.answered:
        return "This report gives no number for the night, because too much is missing."
    parts = [_teams(report, derived), _agents(report, derived), _others(report)]
    lead = report.lead_feature
    found = report.agent_summary.found or derived.teams_found or derived.unusual
    if found and not lead.estimate.outside and lead.estimate.usual_lower is not None:
        parts.insert(0, f"{within(lead.feature, lead.estimate, report.row_noun)}.")
    return " ".join(part for part in parts if part)


def _teams(report: NightReport, derived: Derived) -> str:
    teams = plural(report.team_noun)
    tested, found = derived.teams_tested, derived.teams_found
    if not tested:
        return f"No {report.team_noun} could be tested."
    if derived.common_cause:
        shifted = max(derived.teams_up, derived.teams_down)
        who = (
            f"All {number(tested)} {teams} tested"
            if shifted == tested
            else f"{number(shifted)} of {number(tested)} {teams} tested"
        )
        return (
            f"{who} shifted the same way: a common cause, not single "
            f"{report.agents_noun}."
        )
    if not found:
        return f"None of {number(tested)} {teams} tested shifted."
    return f"{number(found)} of {number(tested)} {teams} tested shifted."


def _agents(report: NightReport, derived: Derived) -> str:
    summary = report.agent_summary
    if not summary.tested:
        return f"No {report.agent_noun} could be tested."
    tested = f"{number(summary.tested)} {report.agents_noun}"
    if not summary.found:
        return f"None of {tested} stands out from its {report.team_noun}."
    verb, whose = ("stands", "its") if summary.found == 1 else ("stand", "their")
    teams = report.team_noun if summary.found == 1 else plural(report.team_noun)
    text = f"{number(summary.found)} of {tested} {verb} out from {whose} {teams}"
    if summary.found == summary.tested and derived.common_cause:
        return f"{text}: everything does, which again points to a common cause."
    return f"{text}{_furthest(report)}."


def _furthest(report: NightReport) -> str:
    rows = [a for a in ordered_agents(report) if a.found]
    if not rows:
        return ""
    row = rows[0]
    digits = 0 if max(abs(row.value), abs(row.team_value)) >= 10 else 2
    label = row.main_feature.label
    value = quantity(row.value, row.main_feature.unit, digits)
    return (
        f", most of all {row.entity}: {label[:1].lower()}{label[1:]} {value}, "
        f"its {report.team_noun} {number(row.team_value, digits)}"
    )


def _others(report: NightReport) -> str:
    """At most two other features outside, as "label value (usual range)"."""
    outside = [
        f
        for f in report.features
        if f.estimate.outside and f.feature.name != report.lead
    ]
    if not outside:
        return ""
    said = join_words([_feature(f) for f in outside[:2]])
    more = f", and {count(len(outside) - 2, 'more')}" if len(outside) > 2 else ""
    more = more.replace("mores", "more")
    return f"Also outside the usual range: {said}{more}."


def _feature(f: FeatureNight) -> str:
    digits = decimals(f.estimate)
    value = quantity(f.estimate.value, f.feature.unit, digits)
    usual = span(f.estimate.usual_lower, f.estimate.usual_upper, digits)
    return f"{f.feature.label[:1].lower()}{f.feature.label[1:]} {value} (usual {usual})"


def _reissue(report: NightReport) -> str:
    before, now = report.previous_revision, report.lead_feature.estimate
    if before is None or before.value is None or now.value is None:
        return ""
    digits = max(decimals(before), decimals(now))
    revision = f"Revision {report.revision - 1}"
    said = (
        f"{number(before.value, digits)} ({span(before.lower, before.upper, digits)})"
    )
    if before.basis == "complete" or now.basis != "complete":
        value = quantity(now.value, report.lead_feature.feature.unit, digits)
        return f"{revision} said {said}; this one says {value}."
    inside = (
        before.lower is not None
        and before.upper is not None
        and before.lower <= now.value <= before.upper
    )
    return (
        f"{revision} estimated {said} from the sites that had arrived. The complete "
        f"value, {quantity(now.value, report.lead_feature.feature.unit, digits)}, is "
        f"{'inside' if inside else 'outside'} that interval."
    )
