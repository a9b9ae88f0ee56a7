"""A whole set-up on one machine: server, deployments and a worker."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
import urllib.request
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.children import Children, stopped_by_signals
from flows.deployment import DeployFailed, described, register
from tasks.keys import Answer

__all__ = ["Deployed", "Deployment", "deployed"]

_HEALTHY_WITHIN = 240.0
_TELL_NOBODY = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True, slots=True)
class Deployment:
    """What to set up; `start` also starts a server, if none is named, and a worker."""

    home: Path
    cron: str | None = None
    time_zone: str | None = None
    pool: str = "consilience"
    port: int = 4200
    limit: int = 2
    start: bool = True

    def __post_init__(self) -> None:
        if self.time_zone is not None:
            try:
                zoneinfo.ZoneInfo(self.time_zone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
                raise DeployFailed(
                    f"deploy: no time zone {self.time_zone!r}. Use Region/City or UTC."
                ) from error
        if self.cron is not None:
            try:
                CronSchedule(cron=self.cron)
            except ValueError as error:
                raise DeployFailed(
                    f"deploy: {self.cron!r} is no cron line. "
                    'Use five fields, as in "30 2 * * *".'
                ) from error


@dataclass(slots=True)
class Deployed:
    """What runs now, and how to stay with it."""

    answer: Answer
    children: Children
    stopped: Callable[[], bool]

    def stay(self) -> None:
        """Wait for a signal; with nothing started here, return at once.

        Raises
        ------
        DeployFailed
            When the server or the worker ends by itself.
        """
        while self.children and not self.stopped():
            name = self.children.ended()
            if name is not None:
                raise _failed(self.children, name, "ended by itself")
            time.sleep(0.5)


@contextlib.contextmanager
def deployed(wanted: Deployment) -> Iterator[Deployed]:
    """Set everything up, and end what was started when the block ends.

    Raises
    ------
    DeployFailed
        When the server does not become healthy, or refuses a deployment.
    """
    folder = wanted.home / "prefect"
    children = Children(folder)
    api = PREFECT_API_URL.value()
    env = os.environ | _TELL_NOBODY
    with stopped_by_signals() as stopped:
        try:
            if api is None:
                api, env = _server(wanted, children, env)
            env |= {"PREFECT_API_URL": api}
            with temporary_settings({PREFECT_API_URL: api}):
                told = described(
                    wanted.home,
                    pool=wanted.pool, cron=wanted.cron, time_zone=wanted.time_zone,
                )  # fmt: skip
                path = register(wanted.home, told, api=api, pool=wanted.pool)
                if wanted.start:
                    _worker(wanted, children, env)
                yield Deployed(_answer(api, path, told, children), children, stopped)
        finally:
            children.stop()


def _server(
    wanted: Deployment, children: Children, env: dict[str, str]
) -> tuple[str, dict[str, str]]:
    """Start a server that keeps what it knows in the home."""
    if not wanted.start:
        raise DeployFailed(
            "deploy: no server is named. Set PREFECT_API_URL, or leave out --no-start."
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted.port))
        except OSError as error:
            raise DeployFailed(
                f"deploy: port {wanted.port} is taken. Name another with --port; if "
                f"that is a Prefect server, set PREFECT_API_URL=http://127.0.0.1:"
                f"{wanted.port}/api."
            ) from error
    api = f"http://127.0.0.1:{wanted.port}/api"
    # The pages of the UI are told there where to ask.
    env |= {"PREFECT_HOME": str(children.folder), "PREFECT_API_URL": api}
    where = ["--host", "127.0.0.1", "--port", str(wanted.port)]
    children.start(
        "server", [sys.executable, "-m", "prefect", "server", "start", *where], env
    )
    if not children.wait_until(lambda: _healthy(api), _HEALTHY_WITHIN):
        raise _failed(children, "server", "did not become healthy")
    return api, env


def _healthy(api: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=5) as found:
            return bool(found.status == 200)
    except OSError:
        return False


def _worker(wanted: Deployment, children: Children, env: dict[str, str]) -> None:
    words = ["worker", "start", "--pool", wanted.pool, "--limit", str(wanted.limit)]
    children.start("worker", [sys.executable, "-m", "prefect", *words], env)


def _failed(children: Children, name: str, what: str) -> DeployFailed:
    log = children.log(name)
    tail = log.read_text(errors="replace").strip().splitlines()[-5:]
    return DeployFailed(f"deploy: the {name} {what}. {log} ends: {' | '.join(tail)}")


def _answer(api: str, path: Path, told: dict[str, Any], children: Children) -> Answer:
    """Say what is there, and what runs next."""
    rows = []
    for deployment in told["deployments"]:
        schedules = deployment["schedules"]
        when = "; ".join(f"{one['cron']} {one['timezone']}" for one in schedules)
        rows.append(
            (deployment["name"], when or "when asked", deployment["description"])
        )
    with get_client(sync_client=True) as client:
        known = len(client.read_deployments())
    ui = api.removesuffix("/api")
    lines = (
        f"{known} deployments at {ui} (described in {path}).",
        f"For commands in other terminals: export PREFECT_API_URL={api}",
        f"Logs: {children.folder}. Ctrl-C ends server and worker."
        if children
        else "Start a worker where the flows should run.",
    )
    return Answer(
        found={"api": api, "ui": ui, "file": str(path), "deployments": known},
        lines=lines,
        columns=("deployment", "when", "what"),
        rows=tuple(rows),
    )
