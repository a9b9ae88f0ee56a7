"""A real `prefect server start`: the run, its tasks, artifacts and logs over HTTP.

The screenshot in docs/_static/prefect-ui.png is taken by this file when the environment
variable CONSILIENCE_SCREENSHOT names where to put it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.homes import CLOCK, LAST, build_home

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]

SCHEDULED = """
from datetime import timedelta
from prefect import flow

@flow
def heartbeat() -> str:
    return "beat"

if __name__ == "__main__":
    heartbeat.serve(name="guard", interval=timedelta(seconds=15))
"""


@dataclass
class Server:
    api: str
    log: Path
    env: dict[str, str]

    def post(self, path: str, **body: Any) -> Any:
        found = httpx.post(f"{self.api}{path}", json=body, timeout=60)
        found.raise_for_status()
        return found.json()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    env = os.environ | {"PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": api}
    command = [sys.executable, "-m", "prefect", "server", "start"]
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env=env, stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
        try:
            _healthy(api, process)
            yield Server(api, log, env)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _healthy(api: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended by itself"
        try:
            if httpx.get(f"{api}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    pytest.fail("the server did not answer within 240 s")


def consilience(server: Server, *words: str) -> str:
    command = [sys.executable, "-c", "from flows.cli import main; main()", *words]
    done = subprocess.run(
        command, env=server.env, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout


@pytest.fixture(scope="module")
def night(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = build_home(tmp_path_factory.mktemp("night") / "home")
    words = ["nightly", "--night", LAST, "--home", str(home), "--now", CLOCK]
    printed = consilience(server, *words, "--cluster", "threads")
    again = consilience(server, *words, "--cluster", "threads")
    runs = server.post("/flow_runs/filter", sort="START_TIME_ASC")
    assert [run["state_name"] for run in runs] == ["Completed", "Completed"]
    return {"run": runs[0], "printed": printed, "again": again}


def test_the_run_its_tasks_artifacts_and_logs_are_on_the_server(server, night):
    chosen = {"id": {"any_": [night["run"]["id"]]}}
    assert night["run"]["name"].startswith(f"nightly-{LAST}-")
    tasks = server.post("/task_runs/filter", flow_runs=chosen)
    names = {task["name"].rsplit("-", 1)[0] for task in tasks}
    steps = {"plan", "reduce", "reconcile", "baselines", "score", "verdicts"}
    assert names == steps | {"ingest", "report", "publish"}
    assert len(tasks) <= 20
    assert {task["state_name"] for task in tasks} == {"Completed"}
    artifacts = server.post("/artifacts/filter", flow_runs=chosen)
    by_key = {artifact["key"]: artifact for artifact in artifacts}
    assert set(by_key) == {
        "nightly-report",
        "nightly-page",
        "nightly-teams",
        "nightly-agents",
        "nightly-verdicts",
        "nightly-progress",
    }
    assert by_key["nightly-progress"]["data"] == 100.0
    assert "south" in by_key["nightly-report"]["data"]
    wanted = {"flow_run_id": chosen["id"]}
    lines = [line["message"] for line in server.post("/logs/filter", logs=wanted)]
    assert any(line.startswith("passed recompute:") for line in lines)
    assert any("missing: south" in line for line in lines)
    assert "nothing new arrived, nothing was computed" in " ".join(
        night["again"].split()
    )


def test_a_schedule_fires(server, tmp_path):
    """With sqlalchemy 2.1 the server stays healthy and no schedule ever fires."""
    script = tmp_path / "guard.py"
    script.write_text(SCHEDULED)
    serving = subprocess.Popen(
        [sys.executable, str(script)], env=server.env, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wanted = {"name": {"any_": ["heartbeat"]}}
    states: set[str] = set()
    deadline = time.monotonic() + 150
    try:
        while "Completed" not in states and time.monotonic() < deadline:
            time.sleep(1)
            runs = server.post("/flow_runs/filter", flows=wanted)
            states |= {run["state_name"] for run in runs if run["auto_scheduled"]}
    finally:
        os.killpg(serving.pid, signal.SIGKILL)
        serving.wait()
    assert {"Scheduled", "Completed"} <= states
    log = server.log.read_text(errors="replace")
    assert "bulk DML" not in log
    assert " ERROR " not in log


@pytest.mark.browser
def test_the_ui_shows_the_run_without_a_remote_request(server, night, tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    from playwright.sync_api import sync_playwright

    flags = [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update",
        "--disable-sync",
    ]  # fmt: skip
    base = server.api.removesuffix("/api")
    remote: list[str] = []

    def watch(request: Any) -> None:
        if not request.url.startswith((base, "data:", "blob:")):
            remote.append(request.url)

    picture = Path(os.environ.get("CONSILIENCE_SCREENSHOT", tmp_path / "ui.png"))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 1400, "height": 950})
        page.on("request", watch)
        page.goto(f"{base}/runs/flow-run/{night['run']['id']}", timeout=90_000)
        page.get_by_text(night["run"]["name"]).first.wait_for(timeout=60_000)
        page.get_by_text("passed recompute").first.wait_for(timeout=60_000)
        page.screenshot(path=picture)
        browser.close()
    assert picture.stat().st_size > 20_000
    assert remote == []
