"""One real `prefect server start` for this folder, and what ran against it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.homes import CLOCK, LAST, build_home
from tests.postgres import free_port

SCHEDULED = """
from datetime import timedelta
from prefect import flow

@flow
def heartbeat() -> str:
    return "beat"

if __name__ == "__main__":
    heartbeat.serve(name="guard", interval=timedelta(seconds=15))
"""


@dataclass(frozen=True)
class Server:
    """A running server: its API, its log, and the environment that points at it."""

    api: str
    log: Path
    env: dict[str, str]
    auth: tuple[str, str] | None = None

    @property
    def ui(self) -> str:
        return self.api.removesuffix("/api")

    def post(self, path: str, **body: Any) -> Any:
        found = httpx.post(f"{self.api}{path}", json=body, auth=self.auth, timeout=60)
        found.raise_for_status()
        return found.json()

    def of_run(self, what: str, run: dict[str, Any]) -> Any:
        """Task runs or artifacts of one flow run."""
        return self.post(f"/{what}/filter", flow_runs={"id": {"any_": [run["id"]]}})

    def lines(self, run: dict[str, Any]) -> list[str]:
        wanted = {"flow_run_id": {"any_": [run["id"]]}}
        return [line["message"] for line in self.post("/logs/filter", logs=wanted)]

    def errors(self) -> list[str]:
        lines = self.log.read_text(errors="replace").splitlines()
        levels = ("| ERROR ", "| CRITICAL ", "Traceback (most recent call last)")
        return [line for line in lines if any(level in line for level in levels)]


@dataclass(frozen=True)
class Nights:
    """The same night twice: two flow runs and what the command printed for each."""

    run: dict[str, Any]
    again: dict[str, Any]
    printed: str
    printed_again: str


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Server]:
    """Start a server with a home in `folder` and more settings; kill it after."""
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    env = os.environ | {"PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": api}
    env |= settings
    user, _, word = env.get("PREFECT_API_AUTH_STRING", "").partition(":")
    command = [sys.executable, "-m", "prefect", "server", "start"]
    log = folder / "server.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env=env, stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(lambda: _healthy(api, process), 240, log)
            yield Server(api, log, env, (user, word) if user else None)
        finally:
            end(process)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server with a home and a SQLite database of its own; kill it after."""
    with running(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="session")
def nights(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Run `consilience nightly` twice, each in a process of its own."""
    home = build_home(tmp_path_factory.mktemp("night") / "home")
    words = ["nightly", "--night", LAST, "--home", str(home), "--now", CLOCK]
    command = [sys.executable, "-c", "from flows.cli import main; main()", *words]
    printed = []
    for _ in range(2):
        done = subprocess.run(
            [*command, "--cluster", "threads"],
            env=server.env, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        printed.append(" ".join(done.stdout.split()))
    wanted = {"name": {"any_": ["nightly"]}}
    runs = server.post("/flow_runs/filter", flows=wanted, sort="START_TIME_ASC")
    assert len(runs) == 2
    return Nights(*runs, *printed)


@pytest.fixture(scope="session")
def beats(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """Serve a flow on a schedule until one scheduled run has completed."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "guard.py").write_text(SCHEDULED)
    wanted = {"name": {"any_": ["heartbeat"]}}

    def scheduled() -> list[dict[str, Any]]:
        runs = server.post("/flow_runs/filter", flows=wanted)
        return [run for run in runs if run["auto_scheduled"]]

    def completed() -> bool:
        return "Completed" in {run["state_name"] for run in scheduled()}

    with (folder / "serve.log").open("wb") as sink:
        serving = subprocess.Popen(
            [sys.executable, str(folder / "guard.py")],
            env=server.env, stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(scheduled, 75, server.log)
            wait_for(completed, 120, folder / "serve.log")
            return scheduled()
        finally:
            end(serving)


def wait_for(happened: Callable[[], object], seconds: float, log: Path) -> None:
    """Poll until it happened; else fail with the end of the log that tells why."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-3000:]
            pytest.fail(f"not within {seconds:.0f} s; {log.name} ends with\n{tail}")
        time.sleep(0.5)


def _healthy(api: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the server ended by itself; see its log"
    try:
        return httpx.get(f"{api}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and those it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
