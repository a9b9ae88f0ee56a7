"""The page in a real browser: every width, both themes, nothing fetched, no error."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.report.headline import summary_line
from tasks.report.night_report import NightReport
from tasks.report.nights_index import render_index
from tasks.report.render import render_html
from tests.over_nights import changed, over_nights
from tests.reports import calm
from tests.special_nights import fleet, found, refused, storm

pytestmark = pytest.mark.browser

WIDTHS = (320, 390, 768, 1024, 1400, 2000)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EXAMPLES: dict[str, Callable[[], NightReport]] = {
    "calm": calm,
    "storm": storm,
    "found": found,
    "refused": refused,
    "fleet": lambda: fleet(100_000),
    "changed": changed,
    "crowd": lambda: over_nights(fleet(100_000)),
}
LINKS = {
    "earlier": "2013-03-07.html",
    "all": "index.html",
    "report.json": "report.json",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start the machine's own Chromium; skip where there is none."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not installed: apt-get install -y chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write every example and the index as files."""
    folder = tmp_path_factory.mktemp("pages")
    written = {}
    for name, make in EXAMPLES.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(render_html(make(), links=LINKS), encoding="utf-8")
    written["index"] = folder / "index.html"
    lines = [summary_line(make(), page=f"{n}.html") for n, make in EXAMPLES.items()]
    lines = [line | {"night": f"2013-03-0{k + 1}"} for k, line in enumerate(lines)]
    written["index"].write_text(render_index(lines), encoding="utf-8")
    return written


class Visit:
    """One page opened at one width, with everything it asked for and complained of."""

    def __init__(self, browser: Any, path: Path, width: int, theme: str) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        size = {"width": width, "height": 844}
        self.page = browser.new_page(viewport=size, color_scheme=theme)
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("console", lambda m: self.complaints.append(m.text))
        self.page.goto(path.as_uri())

    def open_details(self) -> None:
        """Unfold everything, as a reader may."""
        self.page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )

    def overflow(self) -> int:
        return int(
            self.page.evaluate(
                "document.documentElement.scrollWidth - window.innerWidth"
            )
        )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [*EXAMPLES, "index"])
def test_no_width_scrolls_sideways_and_only_the_file_is_fetched(
    browser: Any, pages: dict[str, Path], name: str, theme: str
) -> None:
    visit = Visit(browser, pages[name], WIDTHS[0], theme)
    overflow = {}
    for width in WIDTHS:
        visit.page.set_viewport_size({"width": width, "height": 844})
        overflow[width, "folded"] = visit.overflow()
    visit.open_details()
    for width in WIDTHS:
        visit.page.set_viewport_size({"width": width, "height": 844})
        overflow[width, "open"] = visit.overflow()
    visit.page.close()
    assert dict.fromkeys(overflow, 0) == overflow
    fetched = [u for u in visit.requests if not u.startswith("data:")]
    assert fetched == [pages[name].as_uri()]
    assert visit.complaints == []


def test_chips_verdict_and_first_paragraph_fit_a_phone(
    browser: Any, pages: dict[str, Path]
) -> None:
    visit = Visit(browser, pages["storm"], 390, "light")
    bottom = visit.page.evaluate(
        "document.querySelector('p.lead').getBoundingClientRect().bottom"
    )
    visit.page.close()
    assert 0 < bottom <= 844


def test_verdict_to_do_and_arrivals_fit_a_laptop(
    browser: Any, pages: dict[str, Path]
) -> None:
    visit = Visit(browser, pages["storm"], 1400, "light")
    visit.page.set_viewport_size({"width": 1400, "height": 900})
    bottom = visit.page.evaluate(
        "document.querySelector('.top').getBoundingClientRect().bottom"
    )
    visit.page.close()
    assert 0 < bottom <= 900


def test_text_in_figures_keeps_its_size_on_a_phone(
    browser: Any, pages: dict[str, Path]
) -> None:
    visit = Visit(browser, pages["storm"], 320, "light")
    sizes = visit.page.evaluate(
        "[...document.querySelectorAll('svg text')].filter(t => t.getClientRects()"
        ".length).map(t => getComputedStyle(t).fontSize)"
    )
    visit.page.close()
    assert len(sizes) > 10
    assert set(sizes) == {"12px"}


def test_the_dark_page_is_dark_and_print_is_light(
    browser: Any, pages: dict[str, Path]
) -> None:
    visit = Visit(browser, pages["calm"], 1024, "dark")
    colour = "getComputedStyle(document.querySelector('.card')).backgroundColor"
    dark = visit.page.evaluate(colour)
    visit.page.emulate_media(media="print")
    paper = visit.page.evaluate(colour)
    visit.page.close()
    assert (dark, paper) == ("rgb(23, 28, 35)", "rgb(255, 255, 255)")


def test_print_opens_collapsed_parts_but_the_long_tables(
    browser: Any, pages: dict[str, Path]
) -> None:
    visit = Visit(browser, pages["storm"], 1024, "light")
    visit.page.emulate_media(media="print")
    shown = visit.page.evaluate(
        "[...document.querySelectorAll('details')].map(d => [d.className,"
        " d.getBoundingClientRect().height])"
    )
    visit.page.close()
    assert {name for name, _ in shown} == {"", "long"}
    assert all(height > 100 for name, height in shown if name == "")
    assert all(height == 0 for name, height in shown if name == "long")


def test_the_keyboard_reaches_every_link_in_reading_order(
    browser: Any, pages: dict[str, Path]
) -> None:
    visit = Visit(browser, pages["storm"], 1400, "light")
    order = []
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        order.append(
            visit.page.evaluate(
                "(() => {const e = document.activeElement; return e === document.body"
                " ? -1 : [...document.querySelectorAll('*')].indexOf(e)})()"
            )
        )
        if order[-1] == -1:
            break
    visit.page.close()
    reached = [k for k in order if k != -1]
    assert len(reached) >= 20
    assert reached == sorted(reached)


def test_the_figure_is_named_for_a_screen_reader(
    browser: Any, pages: dict[str, Path]
) -> None:
    visit = Visit(browser, pages["storm"], 1400, "light")
    tree = visit.page.locator("#night").aria_snapshot()
    visit.page.close()
    assert re.search(r'img "Arrival delay, mean over all sites, night by night', tree)
