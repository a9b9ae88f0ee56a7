"""Settings of the whole test run; imported before any library of ours.

Threads are one each, so that a test's work does not depend on the machine; Prefect
sees an empty home of its own, never the developer's server, and sends no telemetry.
Hypothesis profiles: `dev` (25 examples, the default), `ci` (100) and `nightly`
(5,000), chosen by HYPOTHESIS_PROFILE.  On a CI machine, or with `ci`, examples are
derived from the test alone, so that a red run is red again for who looks into it.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent

_HOME = tempfile.mkdtemp(prefix="consilience-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

for _name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_PROFILE"):
    os.environ.pop(_name, None)
os.environ.update(
    {
        "PREFECT_HOME": str(Path(_HOME) / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
    }
)

_SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large]
_ON_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def _profile(name: str, examples: int, *, repeatable: bool) -> None:
    """Register a Hypothesis profile; time is never a reason to fail."""
    settings.register_profile(
        name,
        max_examples=examples,
        derandomize=repeatable,
        deadline=None,
        database=None if repeatable else settings.default.database,
        suppress_health_check=_SLOW_TO_DRAW,
        print_blob=True,
    )


_profile("dev", 25, repeatable=_ON_CI)
_profile("ci", 100, repeatable=True)
_profile("nightly", 5_000, repeatable=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of this checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def history_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with planted events and one published night; only to be read."""
    from tests.histories import build_history_home, publish_last_night

    home = build_history_home(tmp_path_factory.mktemp("history") / "home")
    publish_last_night(home)
    return home


def pytest_sessionfinish() -> None:
    """Stop servers that flows started by themselves while logging still works."""
    module = sys.modules.get("prefect.server.api.server")
    if module is not None:
        for server in list(module.SubprocessASGIServer._instances.values()):
            server.stop()
