"""Setting up: the installer survives a broken `uv`, and says what it could not do."""

import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

from tests.repository import ROOT, make


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "bootstrap", ROOT / "tools" / "bootstrap.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _script(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def test_a_command_works_only_if_it_ends_well(bootstrap: ModuleType) -> None:
    outcomes = [
        bootstrap.works(command, seconds=60.0)
        for command in (["true"], ["false"], ["no-such-command-here"])
    ]
    assert outcomes == [True, False, False]


def test_a_stuck_command_is_ended_with_its_children(
    bootstrap: ModuleType, tmp_path: Path
) -> None:
    _script(tmp_path, "stuck", 'sleep 600 & echo $! > "$0.child"; wait')
    assert not bootstrap.works([str(tmp_path / "stuck")], seconds=3.0)
    child = int((tmp_path / "stuck.child").read_text())
    # A kill is delivered in its own time: on a busy machine not at once.
    deadline = time.monotonic() + 30
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


BROKEN = {
    "missing": None,
    "does not start": "exit 127",
    "answers but cannot install": '[ "$1" = --version ]',
    "answers, then hangs": '[ "$1" = --version ] || sleep 600',
    "hangs at once": "sleep 600",
}


@pytest.mark.parametrize("how", BROKEN)
def test_pip_does_the_work_when_uv_does_not(
    bootstrap: ModuleType, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.pathsep.join(["/usr/bin", "/bin"])
    if (body := BROKEN[how]) is not None:
        _script(tmp_path, "uv", body)
        path = f"{tmp_path}{os.pathsep}{path}"
    monkeypatch.setenv("PATH", path)
    monkeypatch.setattr(bootstrap, "UV_INSTALL_SECONDS", 1.0)
    commands: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "run", lambda command, _: commands.append(command))
    bootstrap.install(bootstrap.works(["uv", "--version"], seconds=1.0))
    (command,) = commands
    assert command[1:3] == ["-m", "pip"]
    assert command[-len(bootstrap.INSTALL) - 1 : -1] == bootstrap.INSTALL


def test_a_working_uv_is_used(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _script(tmp_path, "uv", 'echo "$@" >> "$0.log"')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(bootstrap, "run", lambda *_: pytest.fail("pip was called"))
    bootstrap.install(uv=True)
    expected = ["pip", *bootstrap.INSTALL, "--python", str(bootstrap.PYTHON)]
    assert (tmp_path / "uv.log").read_text().split() == expected


@pytest.mark.parametrize("changed", ["constraints.txt", "pyproject.toml"])
def test_the_stamp_follows_pins_place_and_interpreter(
    bootstrap: ModuleType,
    changed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    here = bootstrap.fingerprint()
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    there = bootstrap.fingerprint()
    assert there == here.replace(str(ROOT), str(tmp_path))
    with (tmp_path / changed).open("a", encoding="utf-8") as file:
        file.write("# another line\n")
    assert bootstrap.fingerprint() != there
    assert f"python {sys.version_info[0]}.{sys.version_info[1]} " in there


def test_make_setup_says_when_no_python_will_do() -> None:
    done = make("setup", "PYTHON=false")
    assert done.returncode != 0
    assert "no Python between 3.11 and 3.13 runs here (tried: false)" in done.stderr
    assert "make setup PYTHON=" in done.stderr


def test_make_setup_passes_over_a_python_that_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version manager's stub exists on PATH and fails when it is run."""
    _script(tmp_path, "python-stub", "exit 127")
    _script(tmp_path, "python-good", 'echo "$@" >> "$0.log"')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    done = make("setup", "PYTHON=python-absent python-stub python-good python-never")
    assert (done.returncode, done.stderr) == (0, "")
    asked, ran = (tmp_path / "python-good.log").read_text().splitlines()
    assert asked.startswith("-c import sys")
    assert ran == "tools/bootstrap.py"


def test_the_environment_is_the_pinned_one() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split(";")[0].strip().split("==") for line in lines)
    installed = {
        re.sub(r"[-_.]+", "-", found.name).lower(): found.version
        for found in importlib.metadata.distributions()
    }
    pinned = {re.sub(r"[-_.]+", "-", k).lower(): v for k, v in pins.items()}
    both = set(pinned) & set(installed)
    assert {"prefect", "fastapi", "sqlalchemy", "numpy", "zarr", "icechunk"} <= both
    assert {k: installed[k] for k in both} == {k: pinned[k] for k in both}


def test_the_server_of_the_pinned_prefect_can_be_imported() -> None:
    """With fastapi 0.160 `import prefect` passes and this raises a TypeError."""
    assert importlib.import_module("prefect.server.api.server").create_app


@pytest.mark.parametrize(
    ("name", "examples"), [("dev", 25), ("ci", 100), ("nightly", 5_000)]
)
def test_profiles_of_property_tests(name: str, examples: int) -> None:
    profile = settings.get_profile(name)
    assert (profile.max_examples, profile.deadline) == (examples, None)
    assert settings.get_profile("ci").derandomize
    chosen = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
    assert settings.default.max_examples == chosen.max_examples


def test_tests_see_a_prefect_home_of_their_own() -> None:
    assert "consilience-tests-" in os.environ["PREFECT_HOME"]
    assert "PREFECT_API_URL" not in os.environ
