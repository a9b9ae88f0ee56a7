"""A store is copied while another process commits to it; every copy is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from storage.store import BehaviorStore
from tests.homes import build_home
from tests.postgres import SCRIPTS, script
from tests.server.conftest import end, wait_for

COMMITS = """
import sys
from pathlib import Path
from tests.homes import take_in, write_shard

home = Path(sys.argv[1])
for version in range(2, 10_000):
    for night in ("2026-03-23", "2026-03-24"):
        take_in(home, write_shard(home / "landing", "north", night, seq=version))
"""
VERIFY = """#!/bin/sh
exec {python} -c "
import sys
from tasks.verify import verify_store
from pathlib import Path
found = verify_store(sys.argv[2])
sys.exit(bool(found.findings))
" "$@"
"""


@pytest.mark.services
def test_copies_made_while_commits_go_on_are_whole(tmp_path: Path) -> None:
    home = build_home(tmp_path / "home", nights_kept=2)
    tool = tmp_path / "consilience"
    tool.write_text(VERIFY.format(python=sys.executable))
    tool.chmod(0o755)
    env = {"CONSILIENCE_BIN": str(tool), "CONSILIENCE_HOME": str(home)}
    log = tmp_path / "commits.log"

    def known() -> list[str]:
        return [c.snapshot for c in BehaviorStore.open(str(home / "store")).history()]

    before = known()
    with log.open("wb") as sink:
        busy = subprocess.Popen(
            [sys.executable, "-c", COMMITS, str(home)],
            stdout=sink, stderr=sink, start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(lambda: len(known()) > len(before) + 1, 60, log)
            copies = []
            for number in range(3):
                folder = tmp_path / f"backups-{number}"
                script([str(SCRIPTS / "backup.sh"), str(folder), "--home"], env)
                (copy,) = folder.iterdir()
                copies.append(BehaviorStore.open(str(copy / "store")).snapshot)
            assert busy.poll() is None, log.read_text()
        finally:
            end(busy)
    assert len(set(copies)) > 1, "nothing was committed between the copies"
    assert set(copies) <= set(known())


def test_a_restored_home_equals_the_one_that_was_backed_up(tmp_path: Path) -> None:
    home = build_home(tmp_path / "home", nights_kept=1)
    env = {"CONSILIENCE_BIN": "true", "CONSILIENCE_HOME": str(home)}
    folder = tmp_path / "backups"
    script([str(SCRIPTS / "backup.sh"), str(folder), "--home"], env)
    (copy,) = folder.iterdir()
    back = env | {"CONSILIENCE_HOME": str(tmp_path / "restored")}
    script([str(SCRIPTS / "restore.sh"), str(copy), "--home"], back)
    assert _files(tmp_path / "restored") == _files(home)
    assert "exists" in script(
        [str(SCRIPTS / "restore.sh"), str(copy), "--home"], back, code=1
    )


def test_a_backup_that_has_changed_is_refused(tmp_path: Path) -> None:
    home = build_home(tmp_path / "home", nights_kept=1)
    env = {"CONSILIENCE_BIN": "true", "CONSILIENCE_HOME": str(home)}
    script([str(SCRIPTS / "backup.sh"), str(tmp_path / "backups"), "--home"], env)
    (copy,) = (tmp_path / "backups").iterdir()
    chunk = max(copy.glob("store/chunks/*"), key=lambda path: path.stat().st_size)
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
    back = env | {"CONSILIENCE_HOME": str(tmp_path / "restored")}
    said = script([str(SCRIPTS / "restore.sh"), str(copy), "--home"], back, code=1)
    assert "has changed since it was made" in said
    assert not (tmp_path / "restored").exists()


def test_a_copy_that_is_not_whole_is_no_backup(tmp_path: Path) -> None:
    home = build_home(tmp_path / "home", nights_kept=1)
    env = {"CONSILIENCE_BIN": "false", "CONSILIENCE_HOME": str(home)}
    command = [str(SCRIPTS / "backup.sh"), str(tmp_path / "backups"), "--home"]
    assert "is not whole" in script(command, env, code=1)
    (left,) = (tmp_path / "backups").iterdir()
    assert left.name.endswith(".partial")


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("store.lock")
    }
