"""Certificates for Dask: made by the script, used by a real scheduler and worker."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, Security

from tests.postgres import SCRIPTS, free_port, script
from tests.repository import ROOT
from tests.server.conftest import end, wait_for

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed"),
]

TLS = "DASK_DISTRIBUTED__COMM__TLS__"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("tls")
    said = script(
        [str(SCRIPTS / "certificates.sh"), str(at), "worker-1", "10.0.0.7"], {}
    )
    assert "DNS:worker-1,IP:10.0.0.7" in said
    return at


def security(folder: Path) -> Security:
    """What a client reads from the settings that are shipped."""
    key, certificate = str(folder / "dask-key.pem"), str(folder / "dask.pem")
    return Security(
        tls_ca_file=str(folder / "ca.pem"),
        tls_client_key=key,
        tls_client_cert=certificate,
        require_encryption=True,
    )


def test_the_certificate_is_signed_by_the_authority(folder: Path) -> None:
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", str(folder / "ca.pem")]
    for purpose in ("sslserver", "sslclient"):
        said = script([*verify, "-purpose", purpose, str(folder / "dask.pem")], {})
        assert said.strip().endswith("dask.pem: OK")
    shown = script(
        ["openssl", "x509", "-noout", "-text", "-in", str(folder / "dask.pem")], {}
    )
    assert "DNS:worker-1, IP Address:10.0.0.7" in shown
    for name in ("dask-key.pem", "ca-key.pem"):
        assert (folder / name).stat().st_mode & 0o077 == 0


def test_renewal_keeps_the_authority(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "tls")
    script([str(SCRIPTS / "certificates.sh"), str(tmp_path / "tls")], {"DAYS": "30"})
    made = {p.name: p.read_bytes() for p in folder.glob("*.pem")}
    now = {p.name: p.read_bytes() for p in (tmp_path / "tls").glob("*.pem")}
    changed = {name for name in made if made[name] != now[name]}
    assert changed == {"dask.pem", "dask-key.pem"}
    assert set(now) == {"ca.pem", "ca-key.pem", "dask.pem", "dask-key.pem"}


def _environment(folder: Path) -> dict[str, str]:
    """`dask.env` as it is shipped, with the folder of this test."""
    lines = (ROOT / "deploy/systemd/dask.env.example").read_text("utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and line[0] != "#"]
    found = {
        key: value.replace("/etc/consilience/tls", str(folder)) for key, value in pairs
    }
    assert {key for key in found if key.startswith(TLS)} == {
        f"{TLS}{name}"
        for name in (
            "CA_FILE", "SCHEDULER__CERT", "SCHEDULER__KEY", "WORKER__CERT",
            "WORKER__KEY", "CLIENT__CERT", "CLIENT__KEY",
        )
    }  # fmt: skip
    return os.environ | found | {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"}


@contextlib.contextmanager
def _started(env: dict[str, str], log: Path, *words: str) -> Iterator[None]:
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words],
            env=env, stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
        try:
            yield
        finally:
            end(process)


def test_a_cluster_talks_only_to_who_has_a_certificate(
    folder: Path, tmp_path: Path
) -> None:
    """The commands of the systemd units, with the settings that are shipped."""
    env, port = _environment(folder), free_port()
    address = f"tls://127.0.0.1:{port}"
    scheduler = ["scheduler", "--protocol", "tls", "--port", str(port)]
    worker = ["worker", address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard"]
    log = tmp_path / "scheduler.log"
    local = ["--local-directory", str(tmp_path)]
    with (
        _started(env, log, *scheduler, "--dashboard-address", "127.0.0.1:0"),
        _started(env, tmp_path / "worker.log", *worker, *local),
    ):
        wait_for(lambda: "Scheduler at:" in log.read_text(), 60, log)
        with Client(address, security=security(folder), set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)
            assert client.submit(sum, [1, 2, 3]).result(timeout=30) == 6
            (seen,) = client.scheduler_info()["workers"]
            assert seen.startswith("tls://")
        script([str(SCRIPTS / "certificates.sh"), str(tmp_path / "stranger")], {})
        for kwargs in (
            {"address": address, "security": security(tmp_path / "stranger")},
            {"address": address.replace("tls", "tcp"), "security": Security()},
        ):
            with pytest.raises((OSError, TimeoutError)):
                Client(timeout="3s", set_as_default=False, **kwargs)
