"""The page: self-contained, escaped, small, repeatable, readable without eyes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from tasks.report.night_report import NightReport
from tasks.report.render import LinkError, render_html, render_json
from tasks.report.rows import SectionError
from tests.over_nights import changed
from tests.page import Element, parse, words
from tests.reports import calm, verdicts
from tests.special_nights import fleet, found, refused, storm

LINKS = {
    "earlier": "../2013-03-07/report.html",
    "all": "../index.html",
    "report.json": "report.json",
}
EXAMPLES: dict[str, Callable[[], NightReport]] = {
    "calm": calm,
    "storm": storm,
    "found": found,
    "refused": refused,
    "changed": changed,
}
SECTIONS = [
    "arrived",
    "night",
    "teams",
    "agents",
    "behaviour",
    "drift",
    "season",
    "together",
    "collusion",
    "evidence",
    "changes",
    "quality",
    "baselines",
    "checks",
    "method",
]


@pytest.fixture(scope="module", params=EXAMPLES)
def page(request: pytest.FixtureRequest) -> Element:
    return parse(render_html(EXAMPLES[request.param](), links=LINKS))


def test_every_section_is_there_in_order_and_labelled(page: Element) -> None:
    sections = page.all("section")
    assert [s.attributes["id"] for s in sections] == SECTIONS
    for section in sections:
        heading = page.by_id(section.attributes["aria-labelledby"])
        assert heading.tag == "h2"
        assert words(heading.text)
        assert heading in section.all("h2")


def test_the_page_has_one_h1_a_language_and_landmarks(page: Element) -> None:
    assert [e.attributes["lang"] for e in page.all("html")] == ["en"]
    assert len(page.all("h1")) == 1
    assert [len(page.all(tag)) for tag in ("header", "main", "footer")] == [1, 1, 1]
    assert all(e.attributes["aria-label"] for e in page.all("nav"))
    skip = page.all("a")[0].attributes
    assert (skip["class"], skip["href"]) == ("skip", "#main")
    title = page.all("title")[0]
    assert words(page.all("h1")[0].text).rstrip(".") in words(title.text)


def test_every_table_has_a_caption_and_scopes(page: Element) -> None:
    tables = page.all("table")
    assert len(tables) >= 5
    for table in tables:
        assert [words(c.text) != "" for c in table.all("caption")] == [True]
        assert {h.attributes.get("scope") for h in table.all("th")} <= {"col", "row"}
        assert all(words(h.text) for h in table.all("th"))
        columns = len(table.all("thead")[0].all("th"))
        widths = {len(r.all("th", "td")) for r in table.all("tbody")[0].all("tr")}
        assert widths <= {columns}


def test_drawings_speak_or_are_hidden(page: Element) -> None:
    drawings = page.all("svg")
    assert len(drawings) > 20
    for svg in drawings:
        if svg.attributes.get("aria-hidden") == "true":
            continue
        assert svg.attributes["role"] == "img"
        spoken = [page.by_id(n) for n in svg.attributes["aria-labelledby"].split()]
        assert [e.tag for e in spoken] == ["title", "desc"]
        assert all(words(e.text) for e in spoken)


def test_scroll_boxes_are_focusable_regions_with_a_name(page: Element) -> None:
    for box in page.all("div"):
        if box.attributes.get("class") == "scroll":
            assert box.attributes["role"] == "region"
            assert box.attributes["tabindex"] == "0"
            assert box.attributes["aria-label"]


def test_ids_are_unique_and_every_anchor_leads_somewhere(page: Element) -> None:
    ids = [e.attributes["id"] for e in page.everything() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    anchors = [e.attributes["href"] for e in page.all("a", "use")]
    inner = {h[1:] for h in anchors if h.startswith("#")}
    assert inner <= set(ids)
    assert {h for h in anchors if not h.startswith("#")} == set(LINKS.values())


@pytest.mark.parametrize("example", EXAMPLES)
def test_nothing_is_loaded_from_elsewhere(example: str) -> None:
    html = render_html(EXAMPLES[example](), links=LINKS)
    assert not re.search(
        r"(?i)https?:|//[a-z]|@import|@font-face|<script|<iframe", html
    )
    assert not re.search(r"(?i)\son[a-z]+=|javascript:", html)
    assert set(re.findall(r"url\(([^)]*)\)", html)) == {"#hatch"}
    assert re.findall(r"<link[^>]*href=\"([^\"]*)\"", html) == ["data:,"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_equal_reports_give_equal_bytes(example: str) -> None:
    make = EXAMPLES[example]
    assert render_html(make(), links=LINKS) == render_html(make(), links=LINKS)
    assert render_json(make()) == render_json(make())


def test_the_order_of_links_does_not_matter() -> None:
    backwards = dict(reversed(LINKS.items()))
    assert render_html(calm(), links=LINKS) == render_html(calm(), links=backwards)


def test_a_hostile_name_is_text_wherever_it_appears() -> None:
    evil = '<script>alert("x")</script>'
    base = found()
    report = replace(
        base,
        teams=tuple(replace(t, name=evil) for t in base.teams),
        agents=tuple(replace(a, team=evil, entity=evil) for a in base.agents),
        missing_sites=(evil,),
        sites=tuple(replace(s, site=evil) for s in base.sites),
        pairs=tuple(replace(p, a=evil, b=evil) for p in base.pairs),
        within_between=((evil, evil, 0.5),),
        baselines=tuple(replace(b, group=evil) for b in base.baselines),
        quality=tuple(replace(q, site=evil) for q in base.quality),
        verdicts=tuple(replace(v, title=evil, detail=evil) for v in base.verdicts),
        errors=(SectionError("changes", "k", evil),),
        dataset=evil,
        agents_noun=evil,
        provenance=replace(base.provenance, run=evil, parameters=((evil, evil),)),
    )
    html = render_html(report, links=LINKS | {'"><script>': "x.json"})
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(") > 50
    assert evil in parse(html).text


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", "https://example.org", "//host/x", "\\\\host", "Data:x"],
)
def test_a_link_that_is_not_relative_is_refused(href: str) -> None:
    with pytest.raises(LinkError, match="not a relative address"):
        render_html(calm(), links={"later": href})
    assert LinkError.kind == "bad_link"


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_night_is_within_its_size_budget(example: str) -> None:
    assert len(render_html(EXAMPLES[example](), links=LINKS).encode()) <= 300_000


def test_the_page_does_not_grow_with_the_number_of_agents() -> None:
    small, large = (len(render_html(fleet(n)).encode()) for n in (1_000, 100_000))
    assert large <= 300_000
    assert large <= 1.2 * small


def test_cuts_say_how_many_there_are() -> None:
    text = words(parse(render_html(fleet(100_000))).text)
    for cut in ("30 of 50; all in report.json", "50 of 500; all in report.json"):
        assert cut in text
    assert "100 of 950; all in report.json" in text


@pytest.mark.parametrize(
    "section", [s for s in SECTIONS if s not in ("method", "evidence")]
)
def test_a_section_that_failed_shows_its_error_and_the_others_stay(
    section: str,
) -> None:
    error = SectionError(section, "not_enough_data", f"{section}: 3 rows, 5 needed.")
    page = parse(render_html(replace(storm(), errors=(error,))))
    broken = page.by_id(section)
    assert "not_enough_data: " + error.message in words(broken.text)
    others = [s for s in page.all("section") if s is not broken]
    assert all("not_enough_data" not in s.text for s in others)
    assert len(others) == len(SECTIONS) - 1


def test_a_superseded_revision_says_so_first() -> None:
    report = replace(calm(), superseded_by=2)
    page = parse(render_html(report, links={"newest": "r2.html"}))
    bar = page.all("header")[0]
    assert words(bar.text).startswith("Superseded: revision 2 is newer.")
    assert [a.attributes["href"] for a in bar.all("a")] == ["r2.html"]


def facts(page: Element) -> Element:
    lists = page.all("main")[0].all("ul")
    return next(u for u in lists if u.attributes.get("class") == "facts")


def test_a_refused_night_shows_no_number_but_the_last_complete_night() -> None:
    page = parse(render_html(refused(), links={"complete": "../2013-03-05/r.html"}))
    cards = [words(li.text) for li in facts(page).all("li")]
    assert cards[0] == "Arrival delay, n = 0 flights No number no answer"
    links = {words(a.text): a.attributes["href"] for a in page.all("a")}
    assert links["Last complete night"] == "../2013-03-05/r.html"


def test_failed_checks_come_first_and_say_the_run_is_failed() -> None:
    report = calm(verdicts=verdicts("passed", "not run", "error", "failed"))
    section = parse(render_html(report)).by_id("checks")
    rows = [words(r.text) for r in section.all("tbody")[0].all("tr")]
    assert words(section.all("h2")[0].text) == "2 of 4 checks of this run failed"
    assert "This run is failed." in words(section.text)
    outcomes = [re.search(r"(passed|failed|error|not run) \d", r) for r in rows]
    assert [m and m[1] for m in outcomes] == ["error", "failed", "not run", "passed"]


def test_absence_is_one_sentence_under_its_heading() -> None:
    page = parse(render_html(calm()))
    assert "No evidence was weighed" in words(page.by_id("evidence").text)
    assert "No shard of a past night" in words(page.by_id("changes").text)


def test_card_figure_table_and_verdict_agree_on_the_lead_feature() -> None:
    page = parse(render_html(storm()))
    assert "85 min" in words(page.all("h1")[0].text)
    assert "85 min" in words(facts(page).text)
    rows = {
        words(r.all("th")[0].text): words(r.text)
        for r in page.by_id("night").all("table")[1].all("tr")
    }
    assert "85 min outside 76 to 94 −9 to 33" in rows["Arrival delay"]
    newest = page.by_id("night").all("tbody")[0].all("tr")[0]
    assert words(newest.text) == "8 Mar 532 85 76 to 94 64 % outside, arrived only"


def test_the_json_is_the_report_with_its_verdict() -> None:
    content = json.loads(render_json(storm()))
    assert content["report"]["night"] == "2013-03-08"
    assert content["headline"]["title"] in render_html(storm())
    assert content["derived"]["teams_found"] == 18
