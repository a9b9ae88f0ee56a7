"""What the section of one place shows: panels, nights that stand out, all nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.history.answer import digits, main_feature, place_name
from tasks.history.figures import feature_panel, p_panel
from tasks.history.record import History, HistoryNight, Place
from tasks.report.figures import shares
from tasks.report.wording import (
    NONE,
    count,
    day,
    number,
    percent,
    probability,
    short_day,
    span,
)

__all__ = ["STATES", "night_note", "place_section"]

_CLOSEST = 3
# Features with a plot of their own.
_DRAWN = 12
STATES = {
    "absent": "absent",
    "silent": "site silent",
    "refused": "file refused: two contents of one version",
}
"""Why a night holds no rows, in words."""


def night_note(night: HistoryNight) -> str:
    """Say in a few words what is special about a night."""
    parts = [STATES[night.state]] if night.state in STATES else []
    if night.stands_out:
        parts.append("stands out")
    if night.published and night.published.found:
        parts.append("found in its report")
    if night.published and night.published.change:
        parts.append(f"{night.published.change} in its report")
    parts += [
        f"{c.what}{', values moved' if c.moved else ''}" for c in night.corrections
    ]
    return ", ".join(parts)


def place_section(
    history: History, place: Place, k: int, reports: Mapping[str, str]
) -> dict[str, Any]:
    """Collect what one section shows.

    Parameters
    ----------
    history : History
    place : Place
    k : int
        Of the section on the page: ids on it start with it.
    reports : mapping of night to address
    """
    marked = place.marked
    closest = sorted(
        (n for n in place.nights if n.p is not None),
        key=lambda n: (n.p or 0.0, -(n.distance or 0.0), n.night),
    )[:_CLOSEST]
    order = _drawn(history, marked or closest)
    features = len(history.features)
    states = {n.state for n in place.nights}
    return {
        "id": f"place-{k}",
        "heading": _heading(history, place),
        "panels": [_panel(history, place, j, k) for j in order]
        if place.present
        else (),
        "p": _p(place, k),
        "folded": k > 0 and not marked,
        "cut": f"{len(order)} of {features}" if len(order) < features else "",
        "why_not": place.reference.why_not,
        "around": _around(history, place),
        "usual_nights": number(max((b.nights for b in place.baseline), default=0)),
        "any_usual": any(b.usual_lower is not None for b in place.baseline),
        "marked": [_contribution(history, place, n) for n in marked or closest],
        "orientation": not marked,
        "any_marked": bool(marked),
        "absent": "absent" in states,
        "silent": bool(states & {"silent", "refused"}),
        "revised": any(c.lead_before for n in place.nights for c in n.corrections),
        "features": [history.features[j] for j in order],
        "rows": [_row(place, n, order, reports) for n in place.nights[::-1]],
        "baseline": [_own(history, place, j) for j in order],
    }


def _drawn(history: History, nights: Sequence[HistoryNight]) -> list[int]:
    """Choose the features to draw: the lead first, then as in the schema.

    Above `_DRAWN` those with the largest shares on `nights` are kept.
    """
    lead = history.lead_index
    others = [j for j in range(len(history.features)) if j != lead]

    def weight(j: int) -> float:
        return max(
            (n.features[j].share or 0.0 for n in nights if n.features), default=0
        )

    kept = sorted(others, key=lambda j: (-weight(j), j))[: _DRAWN - 1]
    return [lead, *sorted(kept)]


def _heading(history: History, place: Place) -> str:
    name = place_name(place)
    nights = count(len(place.present), "night")
    if not place.present:
        return f"{name}: on none of these nights"
    if place.marked:
        return f"{name}: stood out on {number(len(place.marked))} of {nights}"
    tested = any(n.p is not None for n in place.nights)
    if len(history.places) == 1:
        return f"{name}, night by night"
    end = "stood out on none" if tested else "none could be tested"
    return f"{name}: {nights}, {end}"


def _around(history: History, place: Place) -> str:
    if history.kind == "agent":
        return f"the {history.team_noun}’s mean that night"
    return f"all of {place.site}" if history.kind == "team" else "all sites together"


def _panel(history: History, place: Place, j: int, k: int) -> dict[str, Any]:
    name, label, unit = history.features[j]
    own, d = place.baseline[j], digits(place, j)
    values = [n.features[j].mean for n in place.present]
    known = [v for v in values if v is not None]
    usual = "no usual range yet"
    if own.usual_lower is not None:
        usual = f"usual {span(own.usual_lower, own.usual_upper, d)}"
    spoken = (
        f"{count(len(known), 'night')} with a value, from "
        f"{number(min(known), d)} to {number(max(known), d)} {unit}; {usual}. "
        if known
        else "No night with a value. "
    )
    return {
        "id": f"p{k}-{name}",
        "title": label,
        "unit": unit,
        "usual": usual,
        "plot": feature_panel(history, place, j),
        "spoken": f"{spoken}{_spoken_marks(place)} The table below holds every night.",
    }


def _spoken_marks(place: Place) -> str:
    if not place.marked:
        return "No night stands out."
    return f"Stands out: {', '.join(day(n.night) for n in place.marked)}."


def _p(place: Place, k: int) -> dict[str, Any] | None:
    tested = [n for n in place.nights if n.p is not None]
    if not tested:
        return None
    return {
        "id": f"p{k}--all",
        "plot": p_panel(place),
        "null_size": number(place.reference.null_size),
        "tested": number(len(tested)),
        "spoken": f"{count(len(tested), 'night')} tested, lowest "
        f"p {probability(min(n.p or 1.0 for n in tested))}. {_spoken_marks(place)}",
    }


def _contribution(
    history: History, place: Place, night: HistoryNight
) -> dict[str, Any]:
    """One row: which features make the distance of a night."""
    j = main_feature(night)
    parts = [f.share or 0.0 for f in night.features]
    out: dict[str, Any] = {
        "iso": night.night,
        "night": short_day(night.night),
        "n": number(night.n),
        "main": NONE, "value": NONE, "around": NONE, "unit": "",
        "bars": shares(parts) if any(parts) else (),
        "parts": ", ".join(
            f"{history.features[i][1].lower()} {percent(part)}"
            for i, part in sorted(enumerate(parts), key=lambda item: -item[1])[:3]
            if part >= 0.05
        ),
        "p": _p_text(night),
        "found": night.marked,
    }  # fmt: skip
    if j is not None:
        f, d = night.features[j], digits(place, j)
        _, out["main"], out["unit"] = history.features[j]
        beside = f.around if history.kind == "agent" else place.baseline[j].usual_median
        out["value"], out["around"] = number(f.mean, d), number(beside, d)
    return out


def _p_text(night: HistoryNight) -> str:
    text = probability(night.p)
    return f"{text} ▶" if night.extrapolated and night.p is not None else text


def _row(
    place: Place,
    night: HistoryNight,
    order: list[int],
    reports: Mapping[str, str],
) -> dict[str, Any]:
    """One night of the table of all nights."""
    values = []
    for j in order:
        if night.state != "present":
            values.append(NONE)
            continue
        f, d = night.features[j], digits(place, j)
        text = number(f.mean, d)
        if f.around is not None and f.mean is not None:
            text += f" ({number(f.around, d)})"
        values.append(text)
    said = night.published
    return {
        "iso": night.night,
        "night": short_day(night.night),
        "n": number(night.n) if night.state == "present" else NONE,
        "values": values,
        "distance": number(night.distance, 1),
        "p": _p_text(night),
        "q": NONE if said is None else probability(said.q),
        "report": reports.get(night.night, ""),
        "note": night_note(night),
        "marked": night.marked,
    }


def _own(history: History, place: Place, j: int) -> dict[str, str]:
    own, d = place.baseline[j], digits(place, j)
    _, label, unit = history.features[j]
    return {
        "label": f"{label}, {unit}" if unit else label,
        "nights": number(own.nights),
        "n": number(own.n),
        "mean": number(own.mean, d),
        "interval": span(own.lower, own.upper, d),
        "sd": number(own.sd, d),
        "usual": span(own.usual_lower, own.usual_upper, d),
    }
