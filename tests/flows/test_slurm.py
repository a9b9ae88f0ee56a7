"""The nightly flow on a real SLURM of four nodes on this host, one job cancelled."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from tests.homes import CLOCK, LAST, build_home

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy" / "slurm" / "one-host.sh"
NEEDED = ("slurmctld", "slurmd", "sbatch", "munged", "runuser")
NODES = 4

pytestmark = [
    pytest.mark.services,
    pytest.mark.slurm,
    pytest.mark.server,
    pytest.mark.usefixtures("prefect_server"),
]

CLUSTER = """
kind: slurm
workers: {nodes}
threads_per_worker: 1
memory_limit: 800MiB
timeout: 240
options:
  queue: batch
  walltime: "00:10:00"
  interface: lo
  log_directory: {logs}
  local_directory: {scratch}
  worker_extra_args: ["--lifetime", "8m", "--lifetime-stagger", "30s"]
"""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """Start SLURM in a folder that its own users can enter, and stop it."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{missing} not installed: apt-get install -y slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("SLURM on one host is started as root")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    try:
        subprocess.run([SCRIPT, "start", folder, str(NODES)], check=True, timeout=120)
        yield folder
    finally:
        subprocess.run([SCRIPT, "stop", folder], check=True, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def nightly(home: Path, cluster: str) -> list[str]:
    words = ["nightly", "--night", LAST, "--home", str(home), "--now", CLOCK]
    command = [sys.executable, "-c", "from flows.cli import main; main()"]
    return [*command, *words, "--cluster", cluster, "--json"]


def test_four_jobs_one_of_them_cancelled_give_the_same_digest(
    slurm: Path, tmp_path: Path
) -> None:
    env = os.environ | {
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "SLURM_CONF": str(slurm / "slurm.conf"),
        "PYTHONPATH": str(ROOT),
    }
    described = tmp_path / "cluster.yaml"
    described.write_text(
        CLUSTER.format(nodes=NODES, logs=slurm / "logs", scratch=slurm / "scratch")
    )
    calm = build_home(tmp_path / "calm")
    home = Path(shutil.copytree(calm, tmp_path / "home"))
    running = subprocess.Popen(
        [*nightly(home, str(described)), "--rows-per-block", "4"],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    def jobs(*states: str) -> list[str]:
        shown = subprocess.run(
            ["squeue", "-h", "-o", "%i %j", "-t", ",".join(states)],
            env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return shown.stdout.splitlines()

    wait_for(lambda: len(jobs("RUNNING")) == NODES, running)
    first = jobs("RUNNING")
    assert {job.split()[1][:23] for job in first} == {f"consilience-{LAST}-"}
    subprocess.run(["scancel", first[0].split()[0]], env=env, check=True)
    assert running.poll() is None, "the run ended before its job was cancelled"
    printed, log = running.communicate(timeout=240)
    assert running.returncode == 0, printed + log

    alone = subprocess.run(
        nightly(calm, "threads"),
        env=env, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert alone.returncode == 0, alone.stdout + alone.stderr
    found, expected = json.loads(printed), json.loads(alone.stdout)
    assert found["result_digest"] == expected["result_digest"]

    wait_for(lambda: not jobs("RUNNING", "PENDING"), None)
    told = (slurm / "log" / "slurmctld.log").read_text(errors="replace")
    cancelled = first[0].split()[0]
    assert len(set(re.findall(r"\bJobId=(\d+)", told))) >= NODES
    assert re.search(rf"(?i)(kill|cancel|signal).*JobId={cancelled}\b", told), told
    assert troubles(told) == []


def troubles(log: str) -> list[str]:
    """Errors of the scheduler since the first job, but that it finds no older state."""
    since = log.partition("_slurm_rpc_submit_batch_job")[2].splitlines()
    fresh = ("state file", "may be lost")
    lines = [line for line in since if re.search(r"\] (error|fatal):", line)]
    return [line for line in lines if not any(words in line for words in fresh)]


def test_errors_of_the_scheduler_are_seen() -> None:
    bad = "[2026-11-26T11:00:00] error: Node n1 not responding"
    job = "[2026-11-26T11:00:00] _slurm_rpc_submit_batch_job: JobId=1"
    fresh = "[2026-11-26T11:00:00] error: Could not open job state file /x: No such"
    assert troubles(f"{bad}\n{job}\n{fresh}\n{bad}\n[...] sched: fine") == [bad]


def wait_for(
    happened: Callable[[], object], running: subprocess.Popen[str] | None
) -> None:
    deadline = time.monotonic() + 240
    while not happened():
        if running is not None and running.poll() is not None:
            pytest.fail("".join(running.communicate()))
        assert time.monotonic() < deadline
        time.sleep(0.1)
