"""`consilience deploy` from nothing: schedules, form, runs, one at a time, an end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock
from prefect.blocks.webhook import Webhook
from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.automations import ALERT_BLOCK, create_automations
from flows.events import AGENT, PUBLISHED, STALE
from tests.homes import CLOCK, LAST, MISSING_SITE, build_home, nights
from tests.server.browse import browse
from tests.server.deployed import Setup, listener, wait_for

pytestmark = [pytest.mark.server, pytest.mark.services, pytest.mark.timeout(600)]
COMMAND = [sys.executable, "-c", "from flows.cli import main; main()", "deploy"]
INVESTIGATE = {"name": {"any_": ["investigate"]}}


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    home = build_home(tmp_path_factory.mktemp("deploy") / "home", nights_kept=5)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_API")}
    out = home / "out"
    words = ["--home", str(home), "--port", str(port), "--time-zone", "Europe/Berlin"]
    with out.open("wb") as sink:
        process = subprocess.Popen(
            [*COMMAND, *words], env=env, stdout=sink, stderr=sink
        )
    try:
        wait_for(
            lambda: "Ctrl-C" in out.read_text() or process.poll() is not None, 300, home
        )
        assert process.poll() is None, out.read_text()
        yield Setup(home, f"http://127.0.0.1:{port}/api", process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_what_has_a_schedule_gets_its_runs(setup: Setup) -> None:
    def scheduled() -> set[str]:
        runs = setup.post("/flow_runs/filter", limit=200)
        return {run["name"] for run in runs if run["auto_scheduled"]}

    wait_for(lambda: len(scheduled()) >= 2, 75, setup.home)
    nightly = setup.deployment("nightly")
    (schedule,) = nightly["schedules"]
    assert schedule["schedule"]["cron"] == "30 2 * * *"
    assert schedule["schedule"]["timezone"] == "Europe/Berlin"
    assert nightly["parameters"]["parameters"]["home"] == str(setup.home)
    assert nightly["pull_steps"] in (None, [])
    names = {one["name"] for one in setup.post("/automations/filter")}
    assert names >= {"consilience: a run that is silent has crashed"}


def test_a_value_out_of_range_is_refused_by_the_server(setup: Setup) -> None:
    there = setup.deployment("nightly")
    told = there["parameters"]["parameters"] | {"window": 0}
    path = f"/deployments/{there['id']}/create_flow_run"
    found = setup.call("POST", path, parameters={"parameters": told})
    assert found.status_code == 409
    assert re.search(r"window.*0 is less than the minimum of 1", found.text)


def test_a_night_runs_and_a_second_one_does_not_overlap(setup: Setup) -> None:
    told = {"night": LAST, "now": CLOCK, "cluster": "threads", "window": 2}
    with FileLock(setup.home / ".run.lock"):  # so that the first is not over too soon
        first = setup.run("nightly", **told)
        wait_for(lambda: setup.read(first)["state_name"] == "Running", 120, setup.home)
        second = setup.ended(setup.run("nightly", **told))
        assert second["state_name"] == "Cancelled"
        assert "concurrency limit" in second["state"]["message"]
    found = setup.ended(first)
    assert found["state_name"] == "Completed", setup.logs()[-3000:]
    assert (setup.home / "reports" / LAST / "r1" / "index.html").is_file()
    kept = setup.post("/artifacts/filter", flow_runs={"id": {"any_": [first]}})
    assert {one["key"] for one in kept} >= {"nightly-report", "nightly-verdicts"}


def test_a_night_tells_who_is_missing_and_leaves_what_duty_needs(setup: Setup) -> None:
    def told() -> dict[str, dict[str, Any]]:
        found = setup.post(
            "/events/filter", filter={"event": {"prefix": ["consilience."]}}
        )
        return {one["event"]: one["payload"] for one in found["events"]}

    wait_for(lambda: {PUBLISHED, STALE} <= told().keys(), 60, setup.home)
    assert told()[PUBLISHED]["night"] == LAST
    assert told()[STALE]["site"] == MISSING_SITE
    summary = setup.artifact("nightly-report")["data"]
    for part in ("| recompute | passed |", f"| {MISSING_SITE} | 1 |", "result digest"):
        assert part in summary
    assert f"--night {LAST} --home {setup.home} --force" in summary


def test_who_stands_out_is_investigated_and_a_webhook_is_told(setup: Setup) -> None:
    with (
        listener() as (address, heard),
        temporary_settings({PREFECT_API_URL: setup.api}),
    ):
        Webhook(url=address, allow_private_urls=True).save(ALERT_BLOCK, overwrite=True)
        names = create_automations()
        assert create_automations() == names
        assert len(setup.post("/automations/filter")) == len(names) == 5
        payload = {
            "night": LAST, "home": str(setup.home), "page": "file:///page", "count": 1,
            "top": "site:west",
        }  # fmt: skip
        resource = {"prefect.resource.id": f"consilience.night.{LAST}"}
        before = len(
            setup.post("/flow_runs/filter", flows={"name": {"any_": ["investigate"]}})
        )
        emit_event(AGENT, resource=resource, payload=payload)

        def investigated() -> list[dict[str, Any]]:
            return setup.post("/flow_runs/filter", flows=INVESTIGATE)[before:]

        wait_for(investigated, 60, setup.home)
        (run,) = investigated()
        assert run["parameters"]["parameters"]["name"] == "site:west"
        assert setup.ended(run["id"])["state_name"] == "Completed", setup.logs()[-3000:]
        wait_for(lambda: heard, 60, setup.home)
        assert "first site:west" in heard[0]


def test_a_range_of_nights_is_filled(setup: Setup) -> None:
    first, last = nights(3)[0], nights(2)[0]
    told = {"since": first, "until": last, "cluster": "threads", "window": 2}
    found = setup.ended(setup.run("backfill", **told, now=CLOCK))
    assert found["state_name"] == "Completed", setup.logs()[-3000:]
    assert found["name"].startswith(f"backfill-{first}-to-{last}")
    for night in (first, last):
        assert (setup.home / "reports" / night / "r1" / "index.html").is_file()


@pytest.mark.browser
def test_an_analyst_investigates_a_site_through_the_form(
    setup: Setup, tmp_path: Path
) -> None:
    """Takes the pictures in docs/_static where CONSILIENCE_SCREENSHOTS names it."""
    pictures = Path(os.environ.get("CONSILIENCE_SCREENSHOTS", tmp_path))
    ui = setup.api.removesuffix("/api")
    form = setup.deployment("investigate")["id"]
    with browse(setup.api) as page:
        page.goto(f"{ui}/deployments/deployment/{form}/run", timeout=90_000)
        home, name = (page.locator("textarea").nth(k) for k in (0, 1))
        name.wait_for()
        assert home.input_value() == str(setup.home)
        name.fill("site:north")
        page.screenshot(path=pictures / "prefect-form.png")
        page.get_by_role("button", name="Submit").click()
        run = page.get_by_role("link", name="investigate-site:north")
        run.first.wait_for(timeout=120_000)
        page.get_by_text("Completed").first.wait_for(timeout=120_000)
        run.first.click()
        page.get_by_text("Artifacts", exact=True).last.click()
        page.get_by_text("investigate-answer").first.wait_for()
        page.wait_for_timeout(500)  # so that what slides in has arrived
        page.screenshot(path=pictures / "prefect-investigation.png")
        answer, link = (
            setup.artifact(f"investigate-{key}") for key in ("answer", "page")
        )
        page.goto(f"{ui}/artifacts/artifact/{answer['id']}", timeout=90_000)
        title = answer["data"].partition("**")[2].partition("**")[0]
        page.get_by_text(title).first.wait_for()
    pages = (setup.home / "investigations").rglob("index.html")
    assert any(page.resolve().as_uri() in link["data"] for page in pages)


def test_ctrl_c_ends_all_that_was_started_and_logs_hold_no_error(setup: Setup) -> None:
    children = psutil.Process(setup.process.pid).children(recursive=True)
    assert len(children) >= 2
    setup.process.send_signal(signal.SIGTERM)
    assert setup.process.wait(60) == 0
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert "| ERROR" not in setup.logs()
