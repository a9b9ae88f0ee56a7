"""Sixteen committers lose nothing with the committer lock; without it they do."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from storage import ledger
from storage.errors import StorageError
from storage.results import read_results
from storage.store import BehaviorStore
from tests.storage.landing import SCHEMA

ROOT = Path(__file__).resolve().parents[2]
COMMITTER = """
import contextlib, sys
import numpy as np
from storage import repository
from storage.errors import StorageError
from storage.results import write_results
from storage.store import BehaviorStore
url, writer, each, lease = sys.argv[1:]
if lease == "without":
    repository.committer = lambda url: contextlib.nullcontext()
store = BehaviorStore.open(url, "a")
print("ready", flush=True)
sys.stdin.readline()
for k in range(int(each)):
    name = f"runs/w{writer}k{k}"
    arrays = {name: {"x": (("x",), np.full(3, int(writer)), {})}}
    try:
        write_results(store, arrays)
    except StorageError as error:
        print("refused", type(error).__name__, flush=True)
    else:
        print("acknowledged", name, flush=True)
"""


def commit_at_once(
    home: Path, writers: int, each: int, lease: str
) -> tuple[list[str], list[str], int]:
    """Let processes commit at once; name what was acknowledged, and lost of it."""
    store = BehaviorStore.create(str(home / lease / "store"), SCHEMA)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", COMMITTER, store.url, str(w), str(each), lease],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for w in range(writers)
    ]  # fmt: skip
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    lines = [line for c in children for line in c.communicate()[0].splitlines()]
    assert [child.returncode for child in children] == [0] * writers
    said = [line.split() for line in lines]
    acknowledged = [words[1] for words in said if words[0] == "acknowledged"]
    assert len(said) == writers * each
    ledger._KNOWN.clear()
    return acknowledged, lost(store.url, acknowledged), len(said) - len(acknowledged)


def lost(url: str, acknowledged: list[str]) -> list[str]:
    store = BehaviorStore.open(url)
    out = []
    for name in acknowledged:
        try:
            found = read_results(store, name)["x"].tolist()
        except StorageError:
            found = []
        if found != [int(name[len("runs/w") :].split("k")[0])] * 3:
            out.append(name)
    return out


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sixteen_committers_lose_nothing_with_the_lock_and_do_without(
    tmp_path: Path,
) -> None:
    acknowledged, gone, refused = commit_at_once(tmp_path, 16, 50, "with")
    assert (len(acknowledged), gone, refused) == (800, [], 0)
    acknowledged, gone, refused = commit_at_once(tmp_path, 16, 50, "without")
    said = f"without: {len(gone)} of {len(acknowledged)} lost, {refused} refused"
    logging.getLogger(__name__).info(said)
    assert len(gone) > 0, said
