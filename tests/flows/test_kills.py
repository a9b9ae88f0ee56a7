"""kill -9 while commands of the user write: nothing is lost, torn, or done twice."""

from __future__ import annotations

import logging
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prefect.settings import PREFECT_API_URL

from tests.command_server import COMMIT, PAGE, TAG, WRITE, CommandServer, command_server
from tests.homes import CLOCK, LAST, MISSING_SITE, build_home, nights, write_shard
from tests.kills import Ended, Scenario, kill_again_and_again, look_at, run, seen
from tests.storage.evidence_rows import evidence, frame, land

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("prefect_server")]

BEFORE = nights(2)[0]
CLUSTER = ("--cluster", "threads", "--now", CLOCK)
# How often each command is killed inside each step, in the long study.
KILLS = {
    "ingest": {WRITE: 70, COMMIT: 60},
    "nightly": {WRITE: 20, COMMIT: 15, TAG: 4, PAGE: 2},
    "reconcile": {WRITE: 15, COMMIT: 12, TAG: 4, PAGE: 2},
}
NIGHTLY = ("nightly", "--night", LAST, "--window", "2", *CLUSTER)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, prefect_server: None
) -> Iterator[CommandServer]:
    env = os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
    with command_server(tmp_path_factory.mktemp("commands"), env) as started:
        yield started


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five nights, none of them published; a site is missing on the last."""
    return build_home(tmp_path_factory.mktemp("stored") / "home", nights_kept=5)


def deliver(home: Path) -> Path:
    """A late shard, a correction of the night before, and evidence."""
    landing = home / "landing"
    shutil.rmtree(landing)
    write_shard(landing, MISSING_SITE, LAST)
    write_shard(landing, "north", BEFORE, seq=2, shift=3.0)
    rows = frame(evidence(1)).assign(time=pd.Timestamp(LAST).value + np.arange(50))
    land(landing / "evidence.parquet", rows, night=LAST)
    return home


@pytest.fixture(scope="module")
def published(
    tmp_path_factory: pytest.TempPathFactory, server: CommandServer, stored: Path
) -> Path:
    """The same with its last two nights published."""
    home = tmp_path_factory.mktemp("published") / "home"
    shutil.copytree(stored, home)
    for night in (BEFORE, LAST):
        words = ["nightly", "--night", night, *NIGHTLY[3:], "--home", str(home)]
        assert run(server, words, random.Random(0)).status == 0
    return home


def scenario(name: str, home: Path) -> Scenario:
    words = {
        "ingest": ("ingest", "--now", CLOCK),
        "nightly": NIGHTLY,
        "reconcile": ("reconcile", *CLUSTER),
    }
    return Scenario(
        name, words[name], lambda to: deliver(Path(shutil.copytree(home, to)))
    )


def test_a_killed_night_is_completed_by_the_same_command(
    server: CommandServer, stored: Path, tmp_path: Path
) -> None:
    found = kill_again_and_again(
        server, scenario("nightly", stored), tmp_path, wanted={WRITE: 1}
    )
    assert found.hits["nightly", WRITE] == 1


def test_what_is_torn_or_lost_is_seen(stored: Path, tmp_path: Path) -> None:
    """A check that has never failed proves nothing."""
    home = Path(shutil.copytree(stored, tmp_path / "home"))
    before, calm = seen(home), Ended(-9, "wc.")
    with pytest.raises(AssertionError, match="0 commits"):
        look_at(home, before, calm)
    look_at(home, before, Ended(-9, "wc"))
    page = home / "reports" / LAST / "r1" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html><p>half of a")
    with pytest.raises(AssertionError, match=r"index\.html"):
        look_at(home, before, Ended(-9, "w"))
    page.unlink()
    more = replace(before, shards=before.shards | {("gone", "0-1", "f" * 64)})
    with pytest.raises(AssertionError, match=r"lost.*gone"):
        look_at(home, more, Ended(-9, "w"))
    chunks = sorted((home / "store" / "chunks").iterdir())
    max(chunks, key=lambda chunk: chunk.stat().st_size).unlink()
    with pytest.raises(AssertionError, match=r"torn.*Finding"):
        look_at(home, before, Ended(-9, "w"))


def test_the_long_study_kills_two_hundred_times_and_fifty_in_the_commit() -> None:
    assert sum(n for phases in KILLS.values() for n in phases.values()) >= 200
    assert sum(phases[COMMIT] for phases in KILLS.values()) >= 50


@pytest.mark.slow
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("name", KILLS)
def test_kills_lose_and_tear_nothing(
    name: str, server: CommandServer, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home = request.getfixturevalue("published" if name == "reconcile" else "stored")
    wanted = KILLS[name]
    found = kill_again_and_again(server, scenario(name, home), tmp_path, wanted=wanted)
    logging.getLogger(__name__).info("%s", found)
    assert all(found.hits[name, phase] >= n for phase, n in wanted.items())
