"""Put the flows on a Prefect server: pool, deployments, automations."""

from __future__ import annotations

import importlib.resources
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.automations import create_automations

__all__ = ["DeployFailed", "described", "register"]


class DeployFailed(RuntimeError):
    """A server or a worker did not start, or the server refused a deployment."""

    kind: ClassVar[str] = "deploy"


def described(
    home: Path, *, pool: str, cron: str | None = None, time_zone: str | None = None
) -> dict[str, Any]:
    """Return what is shipped as ``deploy/prefect.yaml``, for this home.

    Parameters
    ----------
    home : Path
        Every flow that has a home gets this one, as an absolute path.
    pool : str
        Name of the work pool.
    cron, time_zone : str, optional
        When the nightly run starts; without, as shipped.
    """
    text = (importlib.resources.files("deploy") / "prefect.yaml").read_text("utf-8")
    told: dict[str, Any] = yaml.safe_load(text)
    for deployment in told["deployments"]:
        deployment["work_pool"] = deployment["work_pool"] | {"name": pool}
        given = deployment.get("parameters", {}).get("parameters", {})
        if "home" in given:
            given["home"] = str(home.resolve())
        for schedule in deployment["schedules"]:
            if schedule["slug"] == "nightly" and cron is not None:
                schedule["cron"] = cron
            if time_zone is not None:
                schedule["timezone"] = time_zone
    del told["definitions"]
    return told


def register(home: Path, told: dict[str, Any], *, api: str, pool: str) -> Path:
    """Make the pool, the deployments and the automations; again changes nothing.

    Parameters
    ----------
    home : Path
    told : dict
        What `described` returns.
    api : str
        Address of the server.
    pool : str

    Returns
    -------
    Path
        The file that was deployed, ``HOME/deploy/prefect.yaml``, to read and edit.

    Raises
    ------
    DeployFailed
        When the server refuses a deployment; the text is the server's.
    """
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(
                WorkPoolCreate(name=pool, type="process", base_job_template=template)
            )
    path = home / "deploy" / "prefect.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all",
         "--prefect-file", str(path)],
        env=os.environ | {"PREFECT_API_URL": api},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise DeployFailed(f"deploy: {path} was not taken: {said}")
    create_automations()
    return path
