"""One night's page: HTML from a `NightReport`, and the JSON that holds its numbers.

The page is one file without script or remote asset.  Equal input gives equal bytes:
the time of making is part of the report, rows have a total order.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.report import first_screen, fleet, records, sections
from tasks.report.derived import derive
from tasks.report.headline import headline
from tasks.report.night_report import NightReport
from tasks.report.palette import css_variables
from tasks.report.wording import clock, day_with_year, plural

__all__ = ["LinkError", "environment", "render_html", "render_json"]

NAVIGATION = (
    ("earlier", "Earlier night"),
    ("later", "Later night"),
    ("all", "All nights"),
)
RESERVED = ("newest", "complete", *(key for key, _ in NAVIGATION))
NO_LINKS: Mapping[str, str] = MappingProxyType({})


class LinkError(ValueError):
    """A link that leaves the folder of reports or would run code."""

    kind: ClassVar[str] = "bad_link"


@cache
def environment() -> Environment:
    """Make the template environment: autoescape on, unknown names are errors."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_html(report: NightReport, *, links: Mapping[str, str] = NO_LINKS) -> str:
    """Render one night as one self-contained HTML page.

    Parameters
    ----------
    report : NightReport
    links : mapping of str to str
        Addresses relative to the page.  The keys `earlier`, `later`, `all`, `newest`
        and `complete` (last complete night) are navigation; any other key is the name
        of a data file beside the page, for example ``report.json``.

    Returns
    -------
    str
        Equal for equal arguments.

    Raises
    ------
    LinkError
        If an address has a scheme or a host.
    """
    for key, href in links.items():
        check_link(key, href)
    page = _frame(report, links) | _parts(report)
    return environment().get_template("page.html.j2").render(page)


def render_json(report: NightReport) -> str:
    """Write `report.json`: every number of the page, unrounded, with sorted keys."""
    head = headline(report)
    content = {
        "format": 1,
        "report": report.to_json(),
        "derived": dataclasses.asdict(derive(report)),
        "headline": dataclasses.asdict(head),
    }
    return json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n"


def check_link(key: str, href: str) -> None:
    """Raise `LinkError` unless `href` is a relative address."""
    if re.match(r"(?i)[a-z][a-z0-9+.-]*:|//|\\", href):
        raise LinkError(
            f"render_html: link {key!r} is {href!r}, not a relative address. "
            "Give the path relative to the page."
        )


def _frame(report: NightReport, links: Mapping[str, str]) -> dict[str, Any]:
    """Collect the verdict, links and colours: what surrounds the sections."""
    head = headline(report)
    chips = (head.checks_chip, head.behaviour_chip, head.findings_chip, head.data_chip)
    return {
        "r": report,
        "head": head,
        "chips": [c for c in chips if c],
        "errors": _errors(report),
        "links": {key: links.get(key, "") for key in RESERVED},
        "navigation": [
            (text, links[key]) for key, text in NAVIGATION if links.get(key)
        ],
        "data_files": sorted((k, v) for k, v in links.items() if k not in RESERVED),
        "night_words": day_with_year(report.night),
        "made": clock(report.made),
        "sections": _section_names(report),
        "light": css_variables("light"),
        "dark": css_variables("dark"),
    }


def _parts(report: NightReport) -> dict[str, Any]:
    """Collect what every section shows."""
    derived = derive(report)
    return {
        "answered": derived.answered,
        "arrived": first_screen.arrived(report, derived),
        "facts": first_screen.facts(report, derived),
        "night": sections.night(report, derived),
        "teams": sections.teams(report, derived),
        "sites": sections.sites(report),
        "agents": fleet.agents(report, derived),
        "together": fleet.together(report),
        "changes": records.changes(report),
        "quality": records.quality(report, derived),
        "baselines": records.baselines(report),
        "checks": records.checks(report, derived),
        "method": records.method(report),
    }


def _errors(report: NightReport) -> dict[str, Any]:
    errors: dict[str, Any] = dict.fromkeys(
        (anchor for _, anchor in _section_names(report)), None
    )
    errors["arrived"] = None
    return errors | {e.section: e for e in report.errors}


def _section_names(report: NightReport) -> tuple[tuple[str, str], ...]:
    return (
        ("The night", "night"),
        (plural(report.team_noun).capitalize(), "teams"),
        (report.agents_noun.capitalize(), "agents"),
        ("Who moves together", "together"),
        ("Evidence", "evidence"),
        ("Changes", "changes"),
        ("Data quality", "quality"),
        ("Baselines", "baselines"),
        ("Checks of this run", "checks"),
        ("Words and method", "method"),
    )
