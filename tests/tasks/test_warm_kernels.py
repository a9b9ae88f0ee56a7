"""Kernels are compiled once however many processes start, and loaded by the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numba
import pytest
from filelock import FileLock

from tasks import warm_kernels as module
from tasks.warm_kernels import warm_kernels

_LOAD = """
import json, sys
import numpy as np
from numba.core.dispatcher import Dispatcher
from tasks.warm_kernels import warm_kernels

def counted():
    found = {
        id(value): value
        for name, module in list(sys.modules.items())
        if name.startswith("stats.")
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }
    stats = [kernel.stats for kernel in found.values()]
    return [
        sum(sum(s.cache_hits.values()) for s in stats),
        sum(sum(s.cache_misses.values()) for s in stats),
    ]

warm_kernels()
after = counted()
from stats.exact import ExactSum
from stats.exact_dot import exact_dot
x = np.ldexp(np.arange(-3000.0, 5000.0), np.arange(8000) % 1900 - 950)
sums = [ExactSum.from_block(x), ExactSum.from_block(x.reshape(-1, 10), (10,))]
exact_dot(np.ones(99, dtype=np.float32), np.ones(99, dtype=np.float32))
digest = "".join(found.digest() for found in sums)
print(json.dumps([*after, counted()[1] - after[1], digest]))
"""


def test_the_lock_is_held_while_kernels_are_loaded(tmp_path, monkeypatch):
    seen = []

    def load():
        lock = FileLock(tmp_path / "new" / module._LOCK)
        with pytest.raises(TimeoutError):
            lock.acquire(timeout=0)
        seen.append(lock.lock_file)

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "new"))
    monkeypatch.setattr(module, "warm", load)
    warm_kernels()
    assert len(seen) == 1
    with FileLock(seen[0], timeout=0):
        pass


def test_a_lock_that_cannot_be_had_stops_nobody(tmp_path, monkeypatch, caplog):
    called = []
    monkeypatch.setattr(module, "warm", lambda: called.append(1))
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    caplog.set_level("INFO")
    with FileLock(tmp_path / module._LOCK):
        warm_kernels()
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file" / "below"))
    warm_kernels()
    assert len(called) == 2
    assert caplog.text.count("no lock") == 2


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("locked", [True, False])
def test_processes_on_an_empty_cache_compile_once_and_agree(
    tmp_path, repository, locked
):
    """Without the lock both compile; a third one then finds everything whole."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    code = (
        _LOAD
        if locked
        else _LOAD.replace("\nwarm_kernels()", "\nwarm()").replace(
            "tasks.warm_kernels import warm_kernels", "stats.warm import warm"
        )
    )

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=repository,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    both = [start(), start()]
    found = [json.loads(process.communicate()[0]) for process in both]
    third = json.loads(start().communicate()[0])
    assert third[0] > 0
    assert third[1] == third[2] == 0
    compiled = sorted(misses for _, misses, _, _ in found)
    assert compiled[1] > 0
    if locked:
        assert compiled[0] == 0
    assert [late for *_, late, _ in found] == [0, 0]
    assert {digest for *_, digest in [*found, third]} == {third[3]}


def test_kernels_of_earlier_sources_are_removed(tmp_path, monkeypatch):
    now = tmp_path / "kernels-now"
    for name in ("kernels-now", "kernels-before", "kept"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(module, "cache_folder", lambda: str(now))
    assert (module.forget_old_kernels(), module.forget_old_kernels()) == (1, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "kernels-now"]
