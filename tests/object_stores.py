"""Servers that speak S3, started for a test: moto, and SeaweedFS if it is there."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

BUCKET = "population"
SEAWEED = shutil.which("weed")
KEY, SECRET = "an-access-key", "a-secret-of-nobody"
_IDENTITY = """{"identities": [{"name": "test",
 "credentials": [{"accessKey": "%s", "secretKey": "%s"}],
 "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], url: str, log: Path) -> Iterator[str]:
    """Run a server until it answers, and end it afterwards."""
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            wait_for(url, server, log)
            yield url
        finally:
            server.kill()  # nothing of it is kept
            server.wait(30)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()[-2_000:]
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return  # it answers, if only that nobody is signed in
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text()[-2_000:])


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[str]:
    """A mock of S3: its conditional writes are real, its races are not."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, f"http://127.0.0.1:{port}", folder / "moto.log") as url:
        yield url


@contextlib.contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """A real object store, in one process, on a folder."""
    assert SEAWEED is not None
    (folder / "data").mkdir()
    identity = folder / "s3.json"
    identity.write_text(_IDENTITY % (KEY, SECRET))
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    grpc = {name: free_port() for name in ports}
    command = [
        SEAWEED, "server", "-dir", str(folder / "data"), "-ip=127.0.0.1", "-s3",
        "-filer", f"-s3.config={identity}", "-volume.max=20",
        "-master.volumeSizeLimitMB=64",
        f"-master.port={ports['master']}", f"-master.port.grpc={grpc['master']}",
        f"-volume.port={ports['volume']}", f"-volume.port.grpc={grpc['volume']}",
        f"-filer.port={ports['filer']}", f"-filer.port.grpc={grpc['filer']}",
        f"-s3.port={ports['s3']}", f"-s3.port.grpc={grpc['s3']}",
    ]  # fmt: skip
    with running(
        command, f"http://127.0.0.1:{ports['s3']}", folder / "weed.log"
    ) as url:
        yield url
