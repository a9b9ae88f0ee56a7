"""`consilience deploy` from nothing: schedules, form, runs, one at a time, an end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from filelock import FileLock

from tests.homes import CLOCK, LAST, build_home, nights

pytestmark = [pytest.mark.server, pytest.mark.services, pytest.mark.timeout(600)]
COMMAND = [sys.executable, "-c", "from flows.cli import main; main()", "deploy"]
OVER = {"Completed", "Failed", "Cancelled", "Crashed"}


@dataclass(frozen=True)
class Setup:
    """What one command started."""

    home: Path
    api: str
    process: subprocess.Popen[bytes]

    def call(self, method: str, path: str, **body: Any) -> httpx.Response:
        """Ask; a server on SQLite that is writing says 503, and is asked again."""
        for _ in range(20):
            found = httpx.request(
                method, f"{self.api}{path}", json=body or None, timeout=60
            )
            if found.status_code != 503:
                break
            time.sleep(0.5)
        return found

    def post(self, path: str, **body: Any) -> Any:
        found = self.call("POST", path, **body)
        found.raise_for_status()
        return found.json()

    def deployment(self, name: str) -> dict[str, Any]:
        return self.call("GET", f"/deployments/name/{name}/{name}").json()

    def run(self, name: str, **parameters: Any) -> str:
        """Trigger a deployment as the form does; return the id of the run."""
        there = self.deployment(name)
        told = there["parameters"]["parameters"] | parameters
        path = f"/deployments/{there['id']}/create_flow_run"
        made = self.post(
            path, parameters={"parameters": told}, state={"type": "SCHEDULED"}
        )
        return str(made["id"])

    def read(self, run: str) -> dict[str, Any]:
        return self.call("GET", f"/flow_runs/{run}").json()

    def ended(self, run: str) -> dict[str, Any]:
        wait_for(lambda: self.read(run)["state_name"] in OVER, 180, self.home)
        return self.read(run)

    def logs(self) -> str:
        folder = self.home / "prefect"
        return "\n".join(
            path.read_text(errors="replace") for path in folder.glob("*.log")
        )


def wait_for(happened: Callable[[], object], seconds: float, home: Path) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            logs = (home / "prefect").glob("*.log")
            pytest.fail(
                "\n".join(log.read_text(errors="replace")[-2000:] for log in logs)
            )
        time.sleep(0.3)


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


def test_a_range_of_nights_is_filled(setup: Setup) -> None:
    first, last = nights(3)[0], nights(2)[0]
    told = {"since": first, "until": last, "cluster": "threads", "window": 2}
    found = setup.ended(setup.run("backfill", **told, now=CLOCK))
    assert found["state_name"] == "Completed", setup.logs()[-3000:]
    assert found["name"].startswith(f"backfill-{first}-to-{last}")
    for night in (first, last):
        assert (setup.home / "reports" / night / "r1" / "index.html").is_file()


def test_ctrl_c_ends_all_that_was_started_and_logs_hold_no_error(setup: Setup) -> None:
    children = psutil.Process(setup.process.pid).children(recursive=True)
    assert len(children) >= 2
    setup.process.send_signal(signal.SIGTERM)
    assert setup.process.wait(60) == 0
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert "| ERROR" not in setup.logs()
