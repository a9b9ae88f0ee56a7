"""Late, corrected and retracted shards issue the nights again that they change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from storage.evidence import write_evidence
from storage.results import read_results
from storage.store import BehaviorStore
from tasks.consensus import consensus_of_night
from tasks.publish import latest, revisions
from tasks.publish_consensus import publish_consensus
from tasks.stale import marked_nights
from tests.homes import CLOCK, LAST, MISSING_SITE, build_home, nights, write_shard
from tests.tasks.consensus_data import AS_OF, Row, drawn, shards, store_of

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("prefect_server")]

BEFORE, FIRST = nights(2)[0], nights(3)[0]
NIGHTS = (FIRST, BEFORE, LAST)
slow = pytest.mark.slow


def call(*words: str) -> tuple[int, dict]:
    found = CliRunner().invoke(app, [*words, "--json"])
    return found.exit_code, json.loads(found.stdout.strip().splitlines()[-1])


def nightly(home: Path, night: str, *more: str) -> dict:
    where = ["--home", str(home), "--night", night, "--now", CLOCK]
    options = ["--cluster", "threads", "--window", "2", *more]
    code, found = call("nightly", *where, *options)
    assert code == 0, found
    return found


def reconcile(home: Path, *more: str) -> dict:
    where = ["--home", str(home), "--now", CLOCK, "--cluster", "threads"]
    code, found = call("reconcile", *where, *more)
    assert code == 0, found
    return found


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Path:
    """Two nights published with windows of two nights; five are stored."""
    home = build_home(tmp_path_factory.mktemp("published") / "home", nights_kept=5)
    for night in (BEFORE, LAST):
        nightly(home, night)
    return home


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "home"))


def deliver(home: Path, site: str, night: str, seq: int, shift: float = 0.0) -> None:
    write_shard(home / "landing", site, night, seq=seq, shift=shift)


def outcomes(found: dict) -> dict[str, tuple[str, int]]:
    return {n["night"]: (n["outcome"], n["revision"]) for n in found["nights"]}


def page(home: Path, night: str, revision: int) -> str:
    return (home / "reports" / night / f"r{revision}" / "index.html").read_text()


def results(home: Path, night: str) -> dict[str, np.ndarray]:
    store = BehaviorStore.open(str(home / "store"))
    published = latest(store, night)
    assert published is not None
    root = f"runs/{night}/r{published.revision}"
    return {
        f"{name}/{key}": array
        for name in ("views", "baselines", "agents", "scores")
        for key, array in read_results(store, f"{root}/{name}").items()
    }


def test_where_everything_stands_nothing_is_done(home: Path) -> None:
    before = BehaviorStore.open(str(home / "store")).snapshot
    found = reconcile(home)
    assert (found["nights"], found["published"]) == ([], 2)
    assert "All 2 published nights stand" in found["summary"]
    assert BehaviorStore.open(str(home / "store")).snapshot == before
    assert not (home / "reports" / "out-of-date.json").exists()


def test_a_correction_issues_the_nights_again_whose_window_holds_it(
    home: Path,
) -> None:
    deliver(home, "north", BEFORE, 2, shift=3.0)
    asked = reconcile(home, "--dry-run")
    assert (asked["nights"], list((home / "landing").glob("*v2*")) != []) == ([], True)
    found = reconcile(home)
    assert found["applied"] == 1
    assert outcomes(found) == {BEFORE: ("reissued", 2), LAST: ("reissued", 2)}
    (own, later) = found["nights"]
    (change,) = own["changes"]
    assert (change["site"], change["what"]) == ("north", "corrected")
    assert (change["version_before"], change["version_now"]) == ("0-1", "0-2")
    tonight = {
        (f["group"], f["feature"]): f["now"] - f["before"]
        for f in own["revised"]["figures"]
        if f["figure"] == "tonight"
    }
    assert tonight["north", "latency"] == pytest.approx(3.0)
    assert not any(group in ("south", "west") for group, _ in tonight)
    assert {f["figure"] for f in later["revised"]["figures"]} == {"window"}
    assert "Superseded: revision 2 is newer" in page(home, LAST, 1)
    assert "means moved" in page(home, LAST, 2)
    snapshot = BehaviorStore.open(str(home / "store")).snapshot
    assert reconcile(home)["nights"] == []
    assert BehaviorStore.open(str(home / "store")).snapshot == snapshot
    assert marked_nights(home / "reports") == {}


def test_posteriors_of_changed_evidence_are_listed(tmp_path: Path) -> None:
    store = store_of(tmp_path, drawn(4, agents=3, sources=4)[0])
    kept = publish_consensus(store, consensus_of_night(store, as_of=AS_OF))
    late = Row("s09", "a000", "peer validation", 1.5)
    write_evidence(store, shards([late]))
    (said,) = reconcile(tmp_path, "--dry-run")["posteriors"]
    assert (said["run"], said["sources"]) == (kept.run, ["s09"])
    assert not (tmp_path / "posteriors").exists()
    found = ["reconcile", "--home", str(tmp_path), "--now", CLOCK]
    printed = CliRunner().invoke(app, found, terminal_width=300).stdout
    assert f"consensus {kept.run}: 1 shard of s09" in " ".join(printed.split())
    listed = json.loads((tmp_path / "posteriors" / "out-of-date.json").read_text())
    assert list(listed["runs"]) == [kept.run]


@slow
def test_results_equal_those_of_a_run_that_starts_from_nothing(
    home: Path, tmp_path: Path
) -> None:
    deliver(home, "north", BEFORE, 2, shift=3.0)
    reconcile(home)
    fresh = tmp_path / "fresh"
    shutil.copytree(home, fresh, ignore=shutil.ignore_patterns("reports"))
    again = nightly(fresh, LAST, "--force")
    assert again["revision"] == 3
    assert again["result_digest"] == later_digest(home, LAST)
    one, two = results(home, LAST), results(fresh, LAST)
    assert sorted(one) == sorted(two)
    for key, array in one.items():
        np.testing.assert_array_equal(two[key], array, err_msg=key)


def later_digest(home: Path, night: str) -> str:
    found = latest(BehaviorStore.open(str(home / "store")), night)
    assert found is not None
    return found.result_digest


@slow
def test_nights_that_are_left_are_marked_until_they_are_issued_again(
    home: Path,
) -> None:
    nightly(home, FIRST)
    deliver(home, "west", FIRST, 2, shift=1.0)
    found = reconcile(home, "--nights", "1")
    assert outcomes(found) == {
        FIRST: ("out of date", 1),
        BEFORE: ("out of date", 1),
        LAST: ("reissued", 2),
    }
    assert list(marked_nights(home / "reports")) == [FIRST, BEFORE]
    assert "Out of date: 1\xa0shard changed since and is not in it." in page(
        home, FIRST, 1
    )
    assert "Out of date" not in page(home, LAST, 2)
    said = json.loads((home / "reports" / FIRST / "r1/report.json").read_text())
    assert said["report"]["out_of_date"] == [
        f"west {FIRST} part 0 corrected, version 0-1 → 0-2"
    ]
    found = reconcile(home, "--since", BEFORE)
    assert outcomes(found)[BEFORE] == ("reissued", 2)
    assert list(marked_nights(home / "reports")) == [FIRST]
    assert outcomes(reconcile(home)) == {FIRST: ("reissued", 2)}
    assert marked_nights(home / "reports") == {}
    assert "Out of date" not in page(home, FIRST, 1)
    assert "Superseded: revision 2" in page(home, FIRST, 1)


@slow
def test_the_next_night_marks_or_issues_again_what_it_found_affected(
    home: Path,
) -> None:
    nightly(home, FIRST)
    deliver(home, MISSING_SITE, LAST, 1)
    deliver(home, "north", FIRST, 2, shift=1.0)
    found = nightly(home, LAST)
    assert (found["revision"], found["out_of_date"], found["reissued"]) == (2, 2, [])
    assert list(marked_nights(home / "reports")) == [FIRST, BEFORE]
    found = nightly(home, LAST, "--reissue", "--reissue-nights", "1")
    assert (found["computed"], found["out_of_date"]) == (False, 1)
    assert [n["night"] for n in found["reissued"]] == [BEFORE]
    store = BehaviorStore.open(str(home / "store"))
    assert [len(revisions(store, night)) for night in NIGHTS] == [1, 2, 2]
