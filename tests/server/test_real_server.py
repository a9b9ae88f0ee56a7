"""A real `prefect server start`: the run, its tasks, artifacts and logs over HTTP.

The picture in docs/_static/prefect-ui.png is taken by this file when the environment
variable CONSILIENCE_SCREENSHOT names where to put it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.homes import LAST, MISSING_SITE
from tests.server.browse import HEIGHT, WIDTH, browse

if TYPE_CHECKING:
    from tests.server.conftest import Nights, Server

pytestmark = [
    pytest.mark.server,
    pytest.mark.services,
    pytest.mark.timeout(400),
]

LOOKED = {"ingest", "plan", "affected", "mark"}  # also when nothing new arrived
STEPS = LOOKED | {
    "reduce", "reconcile", "baselines", "score", "verdicts", "report", "publish",
}  # fmt: skip
ARTIFACTS = {
    "nightly-report": "markdown",
    "nightly-page": "markdown",  # Prefect keeps a link as markdown
    "nightly-teams": "table",
    "nightly-agents": "table",
    "nightly-verdicts": "table",
    "nightly-progress": "progress",
}


def steps_of(server: Server, run: dict[str, Any]) -> set[str]:
    tasks = server.of_run("task_runs", run)
    assert {task["state_name"] for task in tasks} == {"Completed"}
    assert 1 <= len(tasks) <= 20
    return {task["name"].rsplit("-", 1)[0] for task in tasks}


def test_the_run_and_its_tasks_are_on_the_server(
    server: Server, nights: Nights
) -> None:
    assert nights.run["state_name"] == "Completed"
    assert nights.run["name"].startswith(f"nightly-{LAST}-")
    assert steps_of(server, nights.run) == STEPS
    assert "11 checks passed" in nights.printed


def test_its_artifacts_hold_the_headline_the_tables_and_the_page(
    server: Server, nights: Nights
) -> None:
    found = server.of_run("artifacts", nights.run)
    assert {artifact["key"]: artifact["type"] for artifact in found} == ARTIFACTS
    by_key = {artifact["key"]: artifact["data"] for artifact in found}
    assert by_key["nightly-progress"] == 100.0
    assert MISSING_SITE in by_key["nightly-report"]
    assert f"{LAST}/r1/index.html" in by_key["nightly-page"]
    assert by_key["nightly-verdicts"].count('"passed"') == 11


def test_its_log_holds_every_check_and_what_is_missing(
    server: Server, nights: Nights
) -> None:
    lines = server.lines(nights.run)
    checks = [line for line in lines if line.startswith("passed ")]
    assert len(checks) == 11
    assert any(line.startswith("passed recompute:") for line in checks)
    assert any(f"missing: {MISSING_SITE}" in line for line in lines)


def test_the_same_night_again_computes_nothing_and_says_so(
    server: Server, nights: Nights
) -> None:
    said = "nothing new arrived, nothing was computed"
    assert nights.again["state_name"] == "Completed"
    assert steps_of(server, nights.again) == LOOKED
    assert server.of_run("artifacts", nights.again) == []
    assert any(said in line for line in server.lines(nights.again))
    assert said in nights.printed_again
    assert said not in nights.printed


def test_a_schedule_fires(beats: list[dict[str, Any]]) -> None:
    """With sqlalchemy 2.1 the server stays healthy and no schedule ever fires."""
    states = [run["state_name"] for run in beats]
    assert states.count("Scheduled") >= 1
    assert states.count("Completed") >= 1


def test_the_server_logged_no_error(
    server: Server, nights: Nights, beats: list[dict[str, Any]]
) -> None:
    """Of all that ran above; the log is there, so silence means something."""
    assert server.ui in server.log.read_text(errors="replace")
    assert server.errors() == []


@pytest.fixture
def page(server: Server) -> Iterator[Any]:
    with browse(server.api) as opened:
        yield opened


@pytest.mark.browser
def test_the_ui_shows_the_run_its_log_and_its_report(
    server: Server, nights: Nights, page: Any, tmp_path: Path
) -> None:
    picture = Path(os.environ.get("CONSILIENCE_SCREENSHOT", tmp_path / "ui.png"))
    page.goto(f"{server.ui}/runs/flow-run/{nights.run['id']}", timeout=90_000)
    for text in (nights.run["name"], f"{len(STEPS)} Task runs", "passed recompute"):
        page.get_by_text(text).first.wait_for(timeout=60_000)
    page.locator("canvas").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1_500)  # the time line is drawn, not text: let it settle
    page.screenshot(path=picture)
    png = picture.read_bytes()
    assert struct.unpack(">II", png[16:24]) == (WIDTH, HEIGHT)
    assert 20_000 < len(png) < 300_000
    found = server.of_run("artifacts", nights.run)
    report = next(each for each in found if each["key"] == "nightly-report")
    page.goto(f"{server.ui}/artifacts/artifact/{report['id']}", timeout=90_000)
    first = report["data"].splitlines()[0].lstrip("# ")
    page.get_by_role("heading", name=first).wait_for(timeout=60_000)
