"""A PostgreSQL of our own: started as an ordinary user, killed, started again."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.repository import ROOT

SCRIPTS = ROOT / "deploy" / "server"


def programs() -> Path:
    """Folder of the newest PostgreSQL programs; skip the test without."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: [int(n) for n in re.findall(r"\d+", path.parts[4])],
    )
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    pytest.skip("PostgreSQL is not installed: apt-get install -y postgresql")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Postgres:
    """A database server: passwords over TCP, trust on a socket in a folder of its own.

    Attributes
    ----------
    folder : Path
        Data, log and socket.
    bin : Path
        PostgreSQL's programs.
    port : int
    password : str
        Of the role `prefect`, which `deploy/server/database.sh` makes.
    """

    folder: Path
    bin: Path
    port: int
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def superuser(self) -> dict[str, str]:
        """Environment of an administrator on this host."""
        return self.client | {
            "PGHOST": str(self.folder),
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
        }

    @property
    def client(self) -> dict[str, str]:
        """Environment of the Prefect server and of the scripts."""
        return {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "PREFECT_SERVER_DATABASE_DRIVER": "postgresql+asyncpg",
            "PREFECT_SERVER_DATABASE_HOST": "127.0.0.1",
            "PREFECT_SERVER_DATABASE_PORT": str(self.port),
            "PREFECT_SERVER_DATABASE_USER": "prefect",
            "PREFECT_SERVER_DATABASE_NAME": "prefect",
            "PREFECT_SERVER_DATABASE_PASSWORD": self.password,
        }

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the user that owns the data."""
        as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_owner, str(self.bin / program), *arguments]
        # pg_ctl leaves a server behind that would hold a pipe open.
        with (self.folder / "commands.log").open("ab") as sink:
            done = subprocess.run(
                command, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=sink, stderr=sink, check=False, timeout=120,
            )  # fmt: skip
        said = (self.folder / "commands.log").read_text(errors="replace")[-2000:]
        assert done.returncode == 0, f"{' '.join(command)}: {said}"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self.run(
            "pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"),
            "-o", options, "-w", "-t", "100", "start",
        )  # fmt: skip

    def processes(self) -> list[psutil.Process]:
        """The postmaster and its children; empty when it is down."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
            postmaster = psutil.Process(int(lines[0]))
            return [postmaster, *postmaster.children(recursive=True)]
        except (FileNotFoundError, IndexError, psutil.NoSuchProcess):
            return []

    def kill(self) -> None:
        """`kill -9` of the postmaster and of every backend, as when a host dies."""
        found = self.processes()
        assert found
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + 30
        while any(_alive(process) for process in found):
            assert time.monotonic() < deadline, "killed processes are still there"
            time.sleep(0.05)

    def administer(self, statement: str) -> str:
        """Run a statement as superuser; return what it prints, unaligned."""
        return script(
            ["psql", "-XAtq", "--set=ON_ERROR_STOP=1", "postgres", "-c", statement],
            self.superuser,
        )

    def prepare(self) -> str:
        """Make role, database and extension, as the documented step does."""
        return script([str(SCRIPTS / "database.sh")], self.superuser)


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def script(command: Sequence[str], env: dict[str, str], *, code: int = 0) -> str:
    """Run a command with `env` on top of ours; return all it printed."""
    done = subprocess.run(
        command, env=os.environ | env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Make a cluster in a folder that its owner can reach, start it, end it."""
    programs_at = programs()
    # The folders of pytest are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="consilience-pg-"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    server = Postgres(folder, programs_at, free_port())
    try:
        server.run(
            "initdb", "-D", str(folder / "data"), "-U", "postgres", "-E", "UTF8",
            "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync",
        )  # fmt: skip
        server.start()
        yield server
    finally:
        if server.processes():
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def shipped_settings(name: str) -> dict[str, str]:
    """What an example of an environment file sets; secrets, empty there, left out."""
    lines = (ROOT / "deploy" / "systemd" / name).read_text("utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and line[0] != "#")
    return {key: value for key, _, value in pairs if value}
