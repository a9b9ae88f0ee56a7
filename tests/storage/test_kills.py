"""A process killed while it writes loses nothing acknowledged and tears nothing."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.integrity import verify
from storage.shards import write_shards
from storage.staging import stage
from storage.store import BehaviorStore
from tests.storage.evidence_rows import evidence, frame, land
from tests.storage.landing import DAY, NOW, SCHEMA, table, take_in, write

ROOT = Path(__file__).resolve().parents[2]
NIGHTS = [f"2026-03-{day:02d}" for day in range(1, 7)]
PHASES = ("write", "commit")

# Says on standard output where it is, so that a kill can be shown to have hit there.
CHILD = """
import sys
from pathlib import Path
from storage import repository, shards
from storage.ingest import ingest
from storage.store import BehaviorStore

def said(name, work):
    def spoken(*arguments, **options):
        print(name, flush=True)
        found = work(*arguments, **options)
        print("done", flush=True)
        return found
    return spoken

shards._write = said("write", shards._write)
repository.try_commit = said("commit", repository.try_commit)
url, quarantine, now = sys.argv[1:4]
store = BehaviorStore.open(url, "a")
files = [Path(name) for name in sys.argv[4:]]
for first in range(0, len(files), 2):
    batch = files[first : first + 2]
    report = ingest(batch, store, quarantine=Path(quarantine), now=int(now))
    for receipt in report.receipts:
        print("receipt", receipt.key, receipt.sha256, flush=True)
"""


def landing(folder: Path) -> list[Path]:
    """Behaviour and evidence in turn: every batch is a file of each."""
    out = []
    for i, night in enumerate(NIGHTS):
        file = folder / f"{night}.parquet"
        if i % 2:
            rows = frame(evidence(i, 400))
            rows["time"] += (i - 7) * DAY
            out.append(land(file, rows, night=night, seq=i))
        else:
            out.append(write(file, table(i, agents=40), night=night))
    return out


def killed_child(store: BehaviorStore, files: list[Path], log: Path, aim: str) -> bool:
    """Run the child and kill it in the phase `aim`; tell whether it was hit there."""
    home = Path(store.url).parent
    rng = random.Random(f"{store.url}{log}{aim}")
    with log.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, store.url, str(home / "quarantine"),
             str(NOW), *map(str, files)],
            stdout=out, cwd=ROOT,
        )  # fmt: skip
        wanted = rng.randint(1, 3)
        while child.poll() is None:
            if log.read_text().splitlines().count(aim) >= wanted:
                time.sleep(rng.uniform(0, 0.01))
                child.kill()
                break
            time.sleep(0.0005)
        child.wait()
    lines = log.read_text().splitlines()
    return child.returncode == -9 and lines[-1] == aim


def check_after_kill(store: BehaviorStore, log: Path) -> None:
    """Everything acknowledged is there, everything that is there is whole."""
    now = BehaviorStore.open(store.url)
    there = {(str(row.key), row.sha256) for row in now.rows()}
    receipts = [line.split()[1:] for line in log.read_text().splitlines()
                if line.startswith("receipt")]  # fmt: skip
    assert {(key, sha256) for key, sha256 in receipts} <= there
    assert verify(now, full=True) == ()
    assert len(there) % 2 == 0, "half of a batch is visible"


def kill_until_hit(folder: Path, hits: int) -> dict[str, int]:
    """Kill fresh runs until each phase was hit `hits` times, checking after each."""
    expected = undisturbed(folder / "undisturbed")
    proven = dict.fromkeys(PHASES, 0)
    for attempt in range(20 * hits):
        aim = min(PHASES, key=lambda phase: proven[phase])
        if proven[aim] == hits:
            break
        home = folder / f"run-{attempt}"
        store = BehaviorStore.create(str(home / "store"), SCHEMA, rows_per_chunk=4)
        files = landing(home / "landing")
        proven[aim] += killed_child(store, files, home / "log", aim)
        check_after_kill(store, home / "log")
        again = take_in(store.refresh(), *files)
        assert (again.exit_code, identities(store)) == (0, expected)
    return proven


def undisturbed(folder: Path) -> list[tuple[str, str, str]]:
    store = BehaviorStore.create(str(folder / "store"), SCHEMA, rows_per_chunk=4)
    take_in(store, *landing(folder / "landing"))
    return identities(store)


def identities(store: BehaviorStore) -> list[tuple[str, str, str]]:
    return [(str(r.key), str(r.version), r.sha256) for r in store.rows()]


def test_kills_in_the_middle_of_a_batch_lose_and_tear_nothing(tmp_path: Path) -> None:
    assert kill_until_hit(tmp_path, 3) == {"write": 3, "commit": 3}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_lose_and_tear_nothing(tmp_path: Path) -> None:
    assert kill_until_hit(tmp_path, 50) == {"write": 50, "commit": 50}


def test_a_writer_that_died_before_its_commit_leaves_no_trace(
    store: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "landing" / "a.parquet", table(1))
    shard = stage(file, SCHEMA, now=NOW).shard

    class Died(Exception):
        pass

    def die(*_: object) -> str:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr("storage.shards._write", die)
        with pytest.raises(Died):
            write_shards(store, [shard])
    assert BehaviorStore.open(store.url).shards() == ()
    assert [r.state for r in write_shards(store, [shard])] == ["applied"]
