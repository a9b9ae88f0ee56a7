"""What is missing, since when, and what it does to the figures, in words."""

from __future__ import annotations

import datetime as dt

from tasks.report.derived import Derived
from tasks.report.night_report import NightReport
from tasks.report.phrases import decimals
from tasks.report.rows import FeatureNight, SiteArrival
from tasks.report.wording import (
    count,
    join_words,
    number,
    percent,
    plural,
    quantity,
    short_day,
    span,
)

__all__ = ["lacking", "missing_data", "partial"]

SPACE = "\N{NO-BREAK SPACE}"
ASSUMED = "assumes that silent sites drift as in their history"
# Silent sites that are described one by one.
MOST_SITES = 6


def partial(report: NightReport, derived: Derived) -> str:
    """Say in short what is missing and what that leaves open."""
    if not report.missing_sites:
        return ""
    share = _missing_share(report, derived)
    if not derived.answered:
        return f"{share}." if report.arrived_share > 0 else ""
    lead = report.lead_feature
    interval = span(lead.estimate.lower, lead.estimate.upper, decimals(lead.estimate))
    unit = f"{SPACE}{lead.feature.unit}" if lead.feature.unit else ""
    rows = plural(report.row_noun)
    if lead.estimate.basis == "estimated":
        said = f"{share}, so this is an estimate for all sites, 95{SPACE}% interval "
        text = f"{said}{interval}{unit}; it {ASSUMED}. "
    else:
        text = f"{share}, so this is the mean of the arrived sites only, "
        text += f"95{SPACE}% interval {interval}{unit}. "
    if derived.verdict_open:
        return text + f"The missing {rows} could change the verdict."
    return text + f"No allowed value of the missing {rows} changes it."


def lacking(report: NightReport) -> dict[str, str]:
    """Say below scores and statistics of rows which nights their window lacks.

    Returns
    -------
    dict of str to str
        ``nights`` by site; ``scores`` and ``rows`` as sentences.  All empty where the
        window is whole.
    """
    sites = [s for s in report.sites if s.window_missing]
    named = [f"{s.site} {count(s.window_missing, 'night')}" for s in sites[:MOST_SITES]]
    if len(sites) > MOST_SITES:
        named.append("other sites (report.json)")
    nights = join_words(named)
    if not nights:
        return {"nights": "", "scores": "", "rows": ""}
    return {
        "nights": nights,
        "scores": f"The baseline is partial; it lacks {nights}.",
        "rows": f"For what arrived: the window lacks {nights}.",
    }


def missing_data(report: NightReport, derived: Derived) -> str:
    """Say since when sites are silent, and what that does to the figure.

    The worst case comes first when so much is missing that the night is degraded.
    """
    if not report.missing_sites:
        return ""
    sites = [s for s in report.sites if s.site in report.missing_sites]
    since = [_since(s, report) for s in sites[:MOST_SITES]]
    more = len(sites) - MOST_SITES
    since += [f"{count(more, 'more site')} in report.json."] if more > 0 else []
    means = [_means(report), _worst_case(report, derived)]
    parts = [*since, *(means[::-1] if derived.degraded else means), _unseen(report)]
    return " ".join(part for part in parts if part)


def _since(site: SiteArrival, report: NightReport) -> str:
    if not site.silent_nights or site.age_seconds is None:
        return f"{site.site} never delivered."
    first = dt.date.fromisoformat(report.night)
    first -= dt.timedelta(days=site.silent_nights - 1)
    nights = count(site.silent_nights, "night")
    text = f"{site.site} is silent since {short_day(first.isoformat())}, {nights}"
    if site.last_value is None:
        return f"{text}; nothing of it is known in the window."
    lead = report.lead_feature
    value = quantity(site.last_value, lead.feature.unit, decimals(lead.estimate))
    return f"{text}; its last value was {value}."


def _means(report: NightReport) -> str:
    """Estimate over all sites, if there is one, and the mean of those that came."""
    lead = report.lead_feature
    estimated = lead.estimate.basis == "estimated"
    only = lead.arrived if estimated and lead.arrived is not None else lead.estimate
    digits = decimals(lead.estimate)
    text = f"Arrived sites only: {quantity(only.value, lead.feature.unit, digits)} "
    text += f"({span(only.lower, only.upper, digits)})."
    if not estimated:
        return text
    value = quantity(lead.estimate.value, lead.feature.unit, digits)
    bounds = span(lead.estimate.lower, lead.estimate.upper, digits)
    return f"Estimate for all sites: {value} ({bounds}); it {ASSUMED}. {text}"


def _worst_case(report: NightReport, derived: Derived) -> str:
    lead, who = report.lead_feature, _who(report)
    if lead.worst_lower is None or lead.worst_upper is None:
        label = lead.feature.label
        return f"{label} has no declared range, so {who} could move it without bound."
    low, high = lead.feature.minimum, lead.feature.maximum
    allowed = f" ({span(low, high)})" if low is not None and high is not None else ""
    text = f"If {who} could hold any allowed value{allowed}: "
    text += f"{span(lead.worst_lower, lead.worst_upper, decimals(lead.estimate))}"
    text += f"{SPACE}{lead.feature.unit}." if lead.feature.unit else "."
    if lead.estimate.outside:
        text += (
            " So the missing rows could still change this verdict."
            if derived.verdict_open
            else " Even so the night stays outside its usual range."
        )
    return text


def _unseen(report: NightReport) -> str:
    site = "site" if len(report.missing_sites) == 1 else "sites"
    text = f"A jump at the missing {site} alone cannot be seen."
    short = [f for f in report.features if f.flagged]
    return f"{text} {_short(short, report)}" if short else text


def _short(features: list[FeatureNight], report: NightReport) -> str:
    if len(features) == len(report.features):
        which = "The history is"
    else:
        names = join_words([f.feature.label for f in features[:3]])
        which = f"For {names} the history is"
    return f"{which} too short to trust the interval."


def _missing_share(report: NightReport, derived: Derived) -> str:
    hold = "holds" if len(report.missing_sites) == 1 else "hold"
    share = percent(derived.missing_share)
    return f"{_who(report)} {hold} {share} of {plural(report.row_noun)}"


def _who(report: NightReport) -> str:
    if len(report.missing_sites) > 3:
        return f"{number(len(report.missing_sites))} missing sites"
    return join_words(report.missing_sites)
