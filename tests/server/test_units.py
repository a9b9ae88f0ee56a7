"""The systemd units: systemd itself reads them and rates what they may do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres import SCRIPTS
from tests.repository import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("consilience*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
EXPOSURE = 20
"""Of 100; systemd rates an ordinary service about 96."""

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"),
    reason="systemd is not installed: apt-get install -y systemd",
)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they are shipped, but for the folder of the installation."""
    programs = tmp_path / "opt" / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("prefect", "dask", "consilience"):
        (programs / name).symlink_to(Path(sys.executable))
    (tmp_path / "opt" / "deploy").mkdir()
    (tmp_path / "opt" / "deploy" / "server").symlink_to(SCRIPTS)
    units = tmp_path / "units"
    units.mkdir()
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/consilience", f"{tmp_path}/opt")
        for name in {unit.name, unit.name.replace("@.", "@1.")}:
            (units / name).write_text(text)
    return units


def analyze(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def verify(folder: Path) -> tuple[int, str]:
    units = [str(unit) for unit in sorted(folder.iterdir())]
    return analyze("verify", "--man=no", "--recursive-errors=no", *units)


def test_systemd_finds_no_fault(installed: Path) -> None:
    assert len(UNITS) >= 7
    assert verify(installed) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("KillMode=", "KilMode="), ("/bin/prefect", "/bin/perfect"), ("After=", "Afer=")],
)
def test_systemd_would_find_a_fault(installed: Path, right: str, wrong: str) -> None:
    unit = installed / "consilience-server.service"
    unit.write_text(unit.read_text().replace(right, wrong))
    _, said = verify(installed)
    assert wrong.strip("=") in said


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_may_do_little(installed: Path, unit: Path) -> None:
    at = str(installed / unit.name.replace("@.", "@1."))
    code, said = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", at)
    assert code == 0, said


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_no_root_and_ends_with_its_children(unit: Path) -> None:
    text = unit.read_text("utf-8")
    assert re.search(r"^User=consilience$", text, re.MULTILINE)
    assert re.search(r"^KillMode=control-group$", text, re.MULTILINE)


@pytest.mark.parametrize(
    "example", sorted((ROOT / "deploy/systemd").glob("*.example")), ids=lambda p: p.name
)
def test_secrets_are_empty_where_they_are_shipped(example: Path) -> None:
    pairs = re.findall(r"^([A-Z_]+)=(.*)$", example.read_text("utf-8"), re.MULTILINE)
    secrets = [(k, v) for k, v in pairs if k.endswith(("PASSWORD", "AUTH_STRING"))]
    assert pairs
    assert [pair for pair in secrets if pair[1]] == []
