"""A set-up that one command started: its API, its runs, and who it speaks to."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

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

    def artifact(self, key: str) -> dict[str, Any]:
        found = self.post("/artifacts/filter", artifacts={"key": {"any_": [key]}})
        return dict(found[0])

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


@contextlib.contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """Listen for what a webhook sends."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_for(happened: Callable[[], object], seconds: float, home: Path) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            logs = (home / "prefect").glob("*.log")
            pytest.fail(
                "\n".join(log.read_text(errors="replace")[-2000:] for log in logs)
            )
        time.sleep(0.3)
