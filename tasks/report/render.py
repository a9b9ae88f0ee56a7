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

from tasks.report import (
    behaviour,
    drift,
    first_screen,
    fleet,
    records,
    sections,
    together,
)
from tasks.report.derived import derive
from tasks.report.headline import headline
from tasks.report.missing import lacking
from tasks.report.night_report import NightReport
from tasks.report.palette import css_variables
from tasks.report.wording import clock, day_with_year, plural

__all__ = [
    "LinkError",
    "check_link",
    "dump_json",
    "environment",
    "render_html",
    "render_json",
    "render_page",
]

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
    return render_page("page.html.j2", _frame(report, links) | _parts(report))


def render_page(template: str, context: Mapping[str, Any]) -> str:
    """Render one of the templates that extend ``base.html.j2``.

    Parameters
    ----------
    template : str
        A file in ``tasks/report/templates``, which fills the blocks of the base:
        ``title``, ``skip``, ``bar``, ``main`` and ``footer``.
    context : mapping of str to object
        What the template names; the colours of both themes are added.

    Returns
    -------
    str
        One self-contained HTML page.

    Raises
    ------
    jinja2.UndefinedError
        If the template names what `context` lacks.
    """
    colours = {"light": css_variables("light"), "dark": css_variables("dark")}
    return environment().get_template(template).render({**colours, **context})


def render_json(report: NightReport) -> str:
    """Write `report.json`: every number of the page, unrounded, with sorted keys."""
    head = headline(report)
    content = {
        "format": 1,
        "report": report.to_json(),
        "derived": dataclasses.asdict(derive(report)),
        "headline": dataclasses.asdict(head),
    }
    return dump_json(content)


def dump_json(content: Mapping[str, Any]) -> str:
    """Write numbers the one way that equal values give equal bytes."""
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
    return {
        "r": report,
        "head": head,
        "chips": list(head.chips),
        "errors": _errors(report),
        "links": {key: links.get(key, "") for key in RESERVED},
        "navigation": [
            (text, links[key]) for key, text in NAVIGATION if links.get(key)
        ],
        "data_files": sorted((k, v) for k, v in links.items() if k not in RESERVED),
        "night_words": day_with_year(report.night),
        "made": clock(report.made),
        "sections": _section_names(report),
        "superseded_by": report.superseded_by,
        "out_of_date": "",
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
        "behaviour": behaviour.behaviour(report),
        "drift": drift.drift(report),
        "season": drift.season(report),
        "together": together.together(report),
        "map": together.correlation_map(report),
        "cliques": together.cliques(report),
        "changes": records.changes(report),
        "quality": records.quality(report, derived),
        "baselines": records.baselines(report),
        "spread": records.spread(report),
        "checks": records.checks(report, derived),
        "method": records.method(report),
        "lacks": lacking(report),
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
        ("Behaviour over nights", "behaviour"),
        ("Drift", "drift"),
        ("Weekdays", "season"),
        ("Who moves together", "together"),
        ("Suspected collusion", "collusion"),
        ("Evidence", "evidence"),
        ("Changes", "changes"),
        ("Data quality", "quality"),
        ("Baselines", "baselines"),
        ("Checks of this run", "checks"),
        ("Words and method", "method"),
    )
