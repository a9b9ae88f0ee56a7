"""Ranges of nights, missed nights, and runs of one home that wait for each other."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

import flows.one_run
from flows.cli import app
from flows.one_run import one_run
from storage.errors import Locked
from storage.store import BehaviorStore
from tasks.missed import delivered_nights, missed_nights
from tasks.publish import published_nights
from tests.homes import CLOCK, LAST, build_home, nights

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("prefect_server")]
FIRST, SECOND, THIRD, BEFORE = nights(5)[:4]


def call(*words: str) -> tuple[int, dict]:
    more = ["--now", CLOCK, "--cluster", "threads", "--window", "2", "--json"]
    found = CliRunner().invoke(app, [*words, *more])
    return found.exit_code, json.loads(found.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_home(tmp_path_factory.mktemp("stored") / "home", nights_kept=5)


@pytest.fixture
def home(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "home"))


def published(home: Path) -> list[str]:
    return list(published_nights(BehaviorStore.open(str(home / "store"))))


def outcomes(found: dict) -> dict[str, str]:
    return {night["night"]: night["outcome"] for night in found["nights"]}


def test_a_range_is_filled_and_goes_on_after_a_cut(home: Path) -> None:
    where = ["--home", str(home)]
    code, found = call("backfill", SECOND, THIRD, *where)
    assert (code, outcomes(found)) == (0, {SECOND: "published", THIRD: "published"})
    assert published(home) == [SECOND, THIRD]
    code, again = call("backfill", SECOND, BEFORE, *where)
    assert code == 0
    assert outcomes(again) == {
        SECOND: "stands", THIRD: "stands", BEFORE: "published",
    }  # fmt: skip
    digests = {n["night"]: n["result_digest"] for n in found["nights"]}
    assert digests.items() <= {
        (n["night"], n["result_digest"]) for n in again["nights"]
    }


def test_a_night_that_fails_is_named_and_the_others_are_filled(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import flows.backfill as module
    from stats.summary import NotEnoughData

    real = module.reissue

    def faulty(parameters):
        if parameters.night == SECOND:
            raise NotEnoughData("no team of this night has data.")
        return real(parameters)

    monkeypatch.setattr(module, "reissue", faulty)
    where = ["--home", str(home)]
    code, found = call("backfill", SECOND, THIRD, *where)
    assert (code, found["error"]["kind"]) == (2, "nights_failed")
    assert SECOND in json.dumps(found)
    assert published(home) == [THIRD]
    code, _ = call("backfill", SECOND, THIRD, *where, "--stop-at-failure", "--force")
    assert (code, published(home)) == (2, [THIRD])
    monkeypatch.undo()
    code, found = call("backfill", SECOND, THIRD, *where)
    assert outcomes(found) == {SECOND: "published", THIRD: "stands"}


def test_a_range_without_data_and_one_upside_down(home: Path) -> None:
    code, found = call("backfill", "1999-01-01", "1999-02-01", "--home", str(home))
    assert (code, found["nights"]) == (0, [])
    assert "No night" in found["summary"]
    code, found = call("backfill", THIRD, SECOND, "--home", str(home))
    assert (code, found["error"]["kind"]) == (2, "invalid_parameter")


def test_missed_nights_are_caught_up_with_the_newest(home: Path) -> None:
    from flows.nightly import nightly
    from flows.parameters import NightParameters

    told = {"home": home, "cluster": "threads", "window": 2, "now": CLOCK}
    store = BehaviorStore.open(str(home / "store"))
    assert delivered_nights(store, until=SECOND) == [FIRST, SECOND]
    assert missed_nights(store, before=LAST, nights=7) == []
    nightly(NightParameters(night=SECOND, catch_up=7, **told))
    assert published(home) == [SECOND]
    store = BehaviorStore.open(str(home / "store"))
    assert missed_nights(store, before=LAST, nights=7) == [THIRD, BEFORE]
    assert missed_nights(store, before=LAST, nights=1) == [BEFORE]
    found = nightly(NightParameters(catch_up=7, **told))
    assert (found.night, found.caught_up) == (LAST, (THIRD, BEFORE))
    assert published(home) == [SECOND, THIRD, BEFORE, LAST]
    again = nightly(NightParameters(catch_up=7, **told))
    assert (again.computed, again.caught_up) == (False, ())


def test_a_second_run_of_a_home_waits_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("waiting")
    monkeypatch.setattr(flows.one_run, "get_run_logger", lambda: log)
    begun, go_on, order = threading.Event(), threading.Event(), []

    def first() -> None:
        with one_run(tmp_path, "nightly"):
            begun.set()
            go_on.wait(30)
            order.append("first")

    holder = threading.Thread(target=first)
    holder.start()
    begun.wait(30)
    with (
        pytest.raises(Locked, match=r"nightly \(process"),
        one_run(tmp_path, "reconcile", wait=0.1),
    ):
        pass
    assert "waiting for nightly" in caplog.text
    go_on.set()
    with one_run(tmp_path, "reconcile", wait=30):
        order.append("second")
    holder.join()
    assert order == ["first", "second"]
    assert not (tmp_path / ".run.lock.json").exists()
