"""The page of an investigation in a real browser: widths, themes, requests, phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.store import BehaviorStore
from tasks.history.build import investigate_store
from tasks.history.write import write_history
from tests.browser.test_report_browser import FLAGS, WIDTHS, Visit
from tests.histories import ODD, ROVER
from tests.homes import MISSING_SITE

pytestmark = pytest.mark.browser
NAMES = (ODD, ROVER, "north/team-3", MISSING_SITE)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not installed: apt-get install -y chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(
    history_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    store = BehaviorStore.open(str(history_home / "store"))
    made = {"reports": history_home, "made": "2026-03-25T07:00:00+00:00"}
    folder = tmp_path_factory.mktemp("investigations")
    return {
        name: write_history(investigate_store(store, name), folder / str(k), **made)
        for k, name in enumerate(NAMES)
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_no_width_scrolls_sideways_and_only_the_file_is_fetched(
    chromium: Any, pages: dict[str, Path], name: str, theme: str
) -> None:
    visit = Visit(chromium, pages[name], WIDTHS[0], theme)
    visit.open_details()
    overflow = {}
    for width in WIDTHS:
        visit.page.set_viewport_size({"width": width, "height": 844})
        overflow[width] = visit.overflow()
    visit.page.close()
    assert overflow == dict.fromkeys(WIDTHS, 0)
    fetched = [u for u in visit.requests if not u.startswith("data:")]
    assert fetched == [pages[name].as_uri()]
    assert visit.complaints == []


def test_the_answer_fits_a_phone_and_figures_keep_their_text(
    chromium: Any, pages: dict[str, Path]
) -> None:
    visit = Visit(chromium, pages[ODD], 390, "dark")
    bottom = visit.page.evaluate(
        "document.querySelector('p.lead').getBoundingClientRect().bottom"
    )
    sizes = visit.page.evaluate(
        "[...document.querySelectorAll('svg text')].filter(t => t.getClientRects()"
        ".length).map(t => getComputedStyle(t).fontSize)"
    )
    card = visit.page.evaluate(
        "getComputedStyle(document.querySelector('.card')).backgroundColor"
    )
    visit.page.close()
    assert 0 < bottom <= 844
    assert len(sizes) > 10
    assert set(sizes) == {"12px"}
    assert card == "rgb(23, 28, 35)"


def test_every_plot_is_named_for_a_screen_reader(
    chromium: Any, pages: dict[str, Path]
) -> None:
    visit = Visit(chromium, pages[ODD], 1400, "light")
    tree = visit.page.locator("#place-0").aria_snapshot()
    visit.page.close()
    for plot in ("Latency", "Errors", "Volume"):
        assert f'img "{plot}, night by night' in tree
    assert "Stands out: 22" in tree
