"""The page of an investigation: what the template shows, and the HTML itself.

One file without script or remote asset; equal input gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.history.answer import answer, digits, place_name
from tasks.history.record import History, Place
from tasks.history.section import place_section
from tasks.report.palette import css_variables
from tasks.report.render import check_link, environment
from tasks.report.wording import (
    NONE,
    clock,
    count,
    day,
    day_with_year,
    number,
    plural,
    probability,
    quantity,
    short_day,
)

__all__ = ["render_page"]

# Places drawn; the others are in the data beside the page.
_DRAWN = 6


def render_page(history: History, made: str, links: Mapping[str, str]) -> str:
    """Render an investigation as one self-contained page.

    Parameters
    ----------
    history : History
    made : str
        When, ISO 8601 with zone.
    links : mapping of str to str
        Addresses relative to the page: ``all`` for the index of reports, an ISO night
        for its published report, any other key a data file beside the page.

    Returns
    -------
    str

    Raises
    ------
    tasks.report.render.LinkError
        If an address has a scheme or a host.
    """
    for key, href in links.items():
        check_link(key, href)
    reports = {n: links[n] for n in history.published_nights if n in links}
    files = {
        key: href for key, href in links.items() if key not in reports and key != "all"
    }
    page = {
        "h": history,
        "answer": answer(history),
        "period": f"{day_with_year(history.since)} to {day_with_year(history.until)}",
        "made": clock(made),
        "all": links.get("all", ""),
        "places": [
            place_section(history, place, k, reports)
            for k, place in enumerate(history.places[:_DRAWN])
        ],
        "summary": [_summary(place) for place in history.places],
        "undrawn": len(history.places) - _DRAWN,
        "members": _members(history),
        "corrections": _corrections(history),
        "method": _method(history),
        "files": sorted(files.items()),
        "light": css_variables("light"),
        "dark": css_variables("dark"),
    }
    return environment().get_template("investigate.html.j2").render(page)


def _summary(place: Place) -> dict[str, Any]:
    return {
        "name": place.team or place.site,
        "site": place.site,
        "agent": place.agent,
        "nights": f"{number(len(place.present))} of {number(len(place.nights))}",
        "before": number(max((b.nights for b in place.baseline), default=0)),
        "marked": number(len(place.marked)),
        "any": bool(place.marked),
    }


def _members(history: History) -> dict[str, Any]:
    nouns = {"team": "agents", "site": plural(history.team_noun)}
    return {
        "noun": nouns.get(history.kind, ""),
        "found": number(sum(bool(m.found) for m in history.members)),
        "rows": [
            {
                "name": m.name.removeprefix(f"{history.name}/"),
                "tested": number(m.tested),
                "found": ", ".join(short_day(n) for n in m.found) or NONE,
                "p": probability(m.lowest_p),
                "night": short_day(m.lowest_night) if m.lowest_night else NONE,
                "out": bool(m.found),
            }
            for m in history.members
        ],
    }


def _corrections(history: History) -> list[dict[str, str]]:
    lead = history.lead_index
    unit = history.features[lead][2]
    rows = []
    for place in history.places:
        for night in place.nights:
            for c in night.corrections:
                now = night.features[lead].mean if night.features else None
                d = digits(place, lead)
                rows.append(
                    {
                        "night": short_day(night.night),
                        "where": f"{place_name(place)}, part {c.part}",
                        "what": c.what,
                        "rows": f"{number(c.rows_before)} → {number(c.rows_now)}",
                        "moved": {True: "yes", False: "no", None: NONE}[c.moved],
                        "value": NONE
                        if c.lead_before is None
                        else f"{number(c.lead_before, d)} → {quantity(now, unit, d)}",
                    }
                )
    return rows


def _method(history: History) -> dict[str, Any]:
    first = history.places[0].reference
    facts = history.provenance
    identity = [
        ("dataset", history.dataset),
        ("name", history.name),
        ("nights", f"{history.since} to {history.until}"),
        ("window before from", str(facts["window_from"])),
        ("false-discovery rate", str(facts["false_discovery"])),
        ("snapshot", str(facts["snapshot"])),
        ("ledger digest", str(facts["ledger_digest"])),
        (
            "chunks of values read",
            f"{facts['chunks_read']} of {facts['chunks_in_all']}",
        ),
    ]
    versions = sorted(facts["versions"].items())
    fit = _nights(first.nights)
    null = _nights(first.null_nights)
    return {"identity": identity, "versions": versions, "fit": fit, "null": null}


def _nights(nights: tuple[str, ...]) -> str:
    if not nights:
        return "no nights"
    return f"{count(len(nights), 'night')}, {day(nights[0])} to {day(nights[-1])}"
