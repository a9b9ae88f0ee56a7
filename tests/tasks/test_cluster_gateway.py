"""A real Dask Gateway starts the cluster, and ends it with the session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.live_workers import live_workers

pytestmark = pytest.mark.services
ROOT = Path(__file__).resolve().parents[2]
dask_gateway = pytest.importorskip("dask_gateway", reason="the extra gateway is absent")
pytest.importorskip("dask_gateway_server", reason="dask-gateway-server is absent")

# Its default commands are scripts that distributed no longer has.
SETTINGS = """
import sys
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.DaskGateway.address = "127.0.0.1:{api}"
c.DaskGateway.log_level = "WARN"
c.Proxy.address = "127.0.0.1:{public}"
c.Proxy.tcp_address = "127.0.0.1:{tcp}"
c.LocalBackend.clusters_directory = {folder!r}
c.ClusterConfig.scheduler_cmd = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
c.ClusterConfig.worker_cmd = [sys.executable, "-m", "distributed.cli.dask_worker"]
c.ClusterConfig.environment = {environment!r}
"""
# Both sides of a worker's connection need the same code.
ENVIRONMENT = {"PYTHONPATH": str(ROOT)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Addresses of the server and of its proxy."""
    public, tcp, api = free_port(), free_port(), free_port()
    settings = tmp_path / "settings.py"
    settings.write_text(
        SETTINGS.format(
            public=public, tcp=tcp, api=api, folder=str(tmp_path / "clusters"),
            environment=ENVIRONMENT,
        )
    )  # fmt: skip
    command = shutil.which("dask-gateway-server", path=str(Path(sys.executable).parent))
    assert command is not None
    log = tmp_path / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [command, "--config", str(settings)], stdout=sink, stderr=sink,
            cwd=tmp_path, env=os.environ | ENVIRONMENT,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{public}"
            deadline = time.monotonic() + 60
            while not _answers(address):
                assert process.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.2)
            yield address, f"gateway://127.0.0.1:{tcp}"
        finally:
            process.terminate()
            process.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/api/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_a_gateway_gives_a_cluster_for_the_session(gateway):
    address, proxy = gateway
    config = ClusterConfig(
        kind="gateway", address=address, workers=1, maximum=2, timeout=120,
        options={"proxy_address": proxy},
    )  # fmt: skip
    with cluster_session(config, "nightly") as session:
        client = session.client()
        assert len(live_workers(client)) >= 1
        assert client.submit(sum, (2, 3)).result() == 5
    with dask_gateway.Gateway(address, proxy_address=proxy) as server:
        assert server.list_clusters() == []
