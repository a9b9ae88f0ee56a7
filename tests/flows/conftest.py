"""One embedded Prefect server for the tests of flows, and one home to copy from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness

from tests.homes import build_home


@pytest.fixture(scope="session")
def prefect_server():
    """A throw-away embedded server with a database of its own."""
    with prefect_test_harness(server_startup_timeout=300):
        yield


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_home(tmp_path_factory.mktemp("built") / "home")


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    """A private copy of the small home: nothing was reduced or published yet."""
    return Path(shutil.copytree(built_home, tmp_path / "home"))
