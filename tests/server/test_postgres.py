"""The Prefect server as `deploy/server` sets it up: PostgreSQL, passwords, backups.

One database and one server for the file.  The tests depend on their order: what an
earlier one left on the server is backed up, destroyed and restored by a later one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import prefect.settings
import pytest

from flows.nightly import nightly
from flows.parameters import NightParameters
from tasks.status import home_status
from tests.homes import CLOCK, LAST, build_home
from tests.postgres import SCRIPTS, Postgres, postgres, script, shipped_settings
from tests.server.conftest import end, running, wait_for

if TYPE_CHECKING:
    from tests.server.conftest import Server

pytestmark = [pytest.mark.server, pytest.mark.services, pytest.mark.timeout(400)]

SERVED = """
from prefect import flow

@flow
def heartbeat(beat: int = 1) -> int:
    return beat

if __name__ == "__main__":
    heartbeat.serve(name="guard", cron="*/5 * * * *")
"""
CONSILIENCE = "from flows.cli import main; main()"
"""For `python -c`; the command of an installation may be that of another checkout."""


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as started:
        assert "with pg_trgm" in started.prepare()
        yield started


@pytest.fixture(scope="module")
def secret() -> str:
    return f"operator:{secrets.token_urlsafe(24)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("postgres")


@pytest.fixture(scope="module")
def guarded(database: Postgres, secret: str, folder: Path) -> Iterator[Server]:
    """A server on PostgreSQL that asks for user and password."""
    with running(folder, **_settings(database, secret)) as started:
        yield started


def _settings(database: Postgres, secret: str) -> dict[str, str]:
    """The settings that are shipped, with the addresses and secrets of this test."""
    shipped = shipped_settings("server.env.example")
    shipped |= shipped_settings("worker.env.example")
    del shipped["PREFECT_API_URL"], shipped["CONSILIENCE_HOME"]
    return (
        shipped
        | database.client
        | {
            "PREFECT_SERVER_API_AUTH_STRING": secret,
            "PREFECT_API_AUTH_STRING": secret,
        }
    )


@pytest.fixture(scope="module")
def beat(guarded: Server, folder: Path) -> Iterator[dict[str, Any]]:
    """A flow that is served on a cron schedule, and one run of it asked for by hand."""
    (folder / "guard.py").write_text(SERVED)
    with (folder / "serve.log").open("wb") as sink:
        serving = subprocess.Popen(
            [sys.executable, str(folder / "guard.py")],
            env=guarded.env, stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(lambda: _guards(guarded), 120, folder / "serve.log")
            (guard,) = _guards(guarded)
            asked = guarded.post(
                f"/deployments/{guard['id']}/create_flow_run", parameters={"beat": 7}
            )
            wait_for(
                lambda: _run(guarded, asked["id"])["state_name"] == "Completed",
                120, folder / "serve.log",
            )  # fmt: skip
            wait_for(lambda: _scheduled(guarded), 75, guarded.log)
            yield _run(guarded, asked["id"])
        finally:
            end(serving)


def _guards(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.post(
        "/deployments/filter", deployments={"name": {"any_": ["guard"]}}
    )
    return found


def _scheduled(server: Server) -> list[dict[str, Any]]:
    runs = server.post("/flow_runs/filter", flows={"name": {"any_": ["heartbeat"]}})
    return [
        run
        for run in runs
        if run["auto_scheduled"] and run["state_name"] == "Scheduled"
    ]


def _run(server: Server, number: str) -> dict[str, Any]:
    (run,) = server.post("/flow_runs/filter", flow_runs={"id": {"any_": [number]}})
    return dict(run)


def test_only_who_knows_the_password_gets_an_answer(
    guarded: Server, database: Postgres, secret: str
) -> None:
    user = secret.partition(":")[0]
    asked = f"{guarded.api}/flows/filter"
    for auth in (None, (user, "wrong"), ("", ""), (user, "")):
        assert httpx.post(asked, json={}, auth=auth, timeout=60).status_code == 401
    assert httpx.post(asked, json={}, auth=guarded.auth, timeout=60).is_success
    assert httpx.get(f"{guarded.api}/health", auth=guarded.auth, timeout=60).json()
    # Probes of a supervisor carry no password.
    assert httpx.get(f"{guarded.api}/health", timeout=60).is_success
    logged = (database.folder / "log").read_text(errors="replace")
    assert database.password not in logged


def test_what_the_server_keeps_is_in_postgresql(
    guarded: Server, database: Postgres, beat: dict[str, Any], folder: Path
) -> None:
    counted = _sql(
        database, f"select state_name from flow_run where id = '{beat['id']}'"
    )
    assert counted == "Completed"
    assert list((folder / "home").glob("*.db")) == []
    assert beat["parameters"] == {"beat": 7}


def test_a_cron_schedule_has_its_next_runs(
    guarded: Server, beat: dict[str, Any]
) -> None:
    assert len(_scheduled(guarded)) >= 1


def test_the_server_logged_no_error(guarded: Server, beat: dict[str, Any]) -> None:
    assert guarded.ui in guarded.log.read_text(errors="replace")
    assert guarded.errors() == []


def _sql(database: Postgres, statement: str) -> str:
    command = ["psql", "-XAtq", "-d", "prefect", "-c", statement]
    return script(command, database.superuser).strip()


@pytest.fixture(scope="module")
def undisturbed(
    guarded: Server, beat: dict[str, Any], folder: Path
) -> tuple[Path, str]:
    """A home, and the digest that its last night has when nothing happens."""
    home = build_home(folder / "population", nights_kept=8)
    shutil.copytree(home, folder / "copy")
    settings = {
        prefect.settings.PREFECT_API_URL: guarded.api,
        prefect.settings.PREFECT_API_AUTH_STRING: ":".join(guarded.auth or ()),
    }
    with prefect.settings.temporary_settings(settings):
        nightly(
            NightParameters(
                home=folder / "copy",
                night=LAST,
                now=dt.datetime.fromisoformat(CLOCK),
                cluster="threads",
            )
        )
    return home, _digest(folder / "copy")


def _nightly(server: Server, home: Path, log: Path) -> subprocess.Popen[bytes]:
    words = ["nightly", "--night", LAST, "--home", str(home), "--now", CLOCK]
    with log.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, "-c", CONSILIENCE, *words, "--cluster", "threads"],
            env=server.env, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
            start_new_session=True,
        )  # fmt: skip


def _digest(home: Path) -> str:
    """Result digest of the night that a home has published."""
    (published,) = home_status(home)["nights"]
    return str(published["result_digest"])


def test_a_run_outlives_the_database(
    guarded: Server, database: Postgres, undisturbed: tuple[Path, str], folder: Path
) -> None:
    """PostgreSQL dies in the middle of a night and comes back."""
    home, expected = undisturbed
    log = folder / "disturbed.log"
    before = {run["id"] for run in _nights(guarded)}
    process = _nightly(guarded, home, log)

    def started() -> list[dict[str, Any]]:
        assert process.poll() is None, log.read_text()
        new = [run for run in _nights(guarded) if run["id"] not in before]
        return [run for run in new if guarded.of_run("task_runs", run)]

    try:
        wait_for(started, 120, log)
        (run,) = started()
        database.kill()
        time.sleep(2)
        database.start()
        code = process.wait(240)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    state = _run(guarded, run["id"])["state_type"]
    assert guarded.errors(), "nobody asked the database while it was away"
    if code != 0:
        assert state in {"FAILED", "CRASHED"}
        assert _nightly(guarded, home, log).wait(240) == 0, log.read_text()
    else:
        assert state == "COMPLETED"
    assert _digest(home) == expected


def _nights(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.post(
        "/flow_runs/filter", flows={"name": {"any_": ["nightly"]}}
    )
    return found


def test_a_backup_brings_database_and_store_back(
    guarded: Server,
    database: Postgres,
    secret: str,
    beat: dict[str, Any],
    undisturbed: tuple[Path, str],
    folder: Path,
) -> None:
    """Back up while all runs, drop the database, restore, ask a new server."""
    home, digest = folder / "copy", undisturbed[1]
    tool = folder / "consilience"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{CONSILIENCE}" "$@"\n')
    tool.chmod(0o755)
    at = {"CONSILIENCE_BIN": str(tool), "CONSILIENCE_HOME": str(home)}
    env = os.environ | database.client | at
    copies = folder / "backups"
    script([str(SCRIPTS / "backup.sh"), str(copies)], env)
    (copy,) = copies.iterdir()
    restore = [str(SCRIPTS / "restore.sh"), str(copy)]
    assert "restore with --home" in script(restore, env, code=1)

    database.administer("drop database prefect with (force)")
    database.prepare()
    assert "exists: move it away" in script(restore, env, code=1)
    back = env | {"CONSILIENCE_HOME": str(folder / "restored" / "home")}
    assert "database prefect" in script(restore, back)
    assert _digest(folder / "restored" / "home") == digest
    (folder / "again").mkdir()
    with running(folder / "again", **_settings(database, secret)) as server:
        assert _run(server, beat["id"]) | {"estimated_run_time": 0} == beat | {
            "estimated_run_time": 0
        }
        assert len(_guards(server)) == 1
        assert server.errors() == []
