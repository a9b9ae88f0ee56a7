"""The command that accounts for every version, as it is and as it was known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from storage.store import BehaviorStore
from tests.storage.evidence_rows import GOOD, land
from tests.storage.landing import DAY, NIGHT, NOW, SCHEMA, table, take_in, write

BEFORE = "2026-03-07"
# What north issued on its first night: number and seed of the content, by file.
FIRST = {"a": (1, 1), "b": (3, 2)}


def _state(path: Path, **said: Any) -> Path:
    path.write_text(json.dumps(said))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One site that was corrected, contradicted, retracted, rebuilt; one honest one."""
    home = tmp_path_factory.mktemp("ledger")
    store = BehaviorStore.create(str(home / "store"), SCHEMA, rows_per_chunk=4)
    land_in = home / "landing"
    for name, (seq, seed) in FIRST.items():
        write(land_in / f"{name}.csv", table(seed), night=BEFORE, seq=seq)
    write(land_in / "s.csv", table(3), site="south", night=BEFORE, seq=1)
    take_in(store, land_in)
    later = home / "later"
    write(later / "again.csv", table(2), night=BEFORE, seq=4)  # content of 3
    write(later / "one.csv", table(4), part="1", seq=6)
    write(later / "two.csv", table(5), part="1", seq=6)
    write(later / "x.csv", table(6), part="2", seq=7)
    gone = {"site": "north", "night": NIGHT, "part": "2", "seq": 8}
    _state(later / "x.retraction.json", **gone)
    write(later / "new.csv", table(7), epoch=1, seq=1)
    land(later / "e.parquet", GOOD)
    take_in(store, later, now=NOW + DAY)
    return home


def call(home: Path, *words: str) -> tuple[int, dict[str, Any]]:
    where = ["--home", str(home)]
    found = CliRunner().invoke(app, ["ledger", *words, *where, "--json"])
    return found.exit_code, json.loads(found.stdout)


def done(home: Path, *words: str) -> dict[str, Any]:
    code, found = call(home, *words)
    assert code == 0, found
    return found


def snapshot_with(home: Path, versions: int) -> str:
    store = BehaviorStore.open(str(home / "store"))
    found = [c.snapshot for c in store.history()[:-1]]
    return next(s for s in found if len(store.at(s).rows()) == versions)


CLOCK = ("--now", "2026-03-09T06:00:00")


def test_every_version_of_every_site_is_accounted_for(home: Path) -> None:
    found = done(home, *CLOCK)
    assert (found["dataset"], found["night"], found["versions"]) == ("demo", NIGHT, 9)
    north, south = found["sites"]
    counts = ("versions", "applied", "superseded", "retracted", "quarantined")
    assert [north[name] for name in counts] == [8, 2, 3, 1, 2]
    assert (north["repeated"], north["contradicted"]) == (1, 2)
    assert north["epochs"] == [0, 1]
    assert north["clock"] == {"epoch": 1, "prefix": 1, "dots": []}
    assert north["gaps"] == ["north/0-2", "north/0-5"]
    assert north["lost"] == []
    # The number 2 belongs to the first night: something of that is still owed.
    assert (north["watermark"], north["missing"]) == (BEFORE, [BEFORE, NIGHT])
    assert north["staleness"] == {
        "versions": 2, "seconds": 30 * 3600.0, "is_lower_bound": False
    }  # fmt: skip
    assert [south[name] for name in counts] == [1, 1, 0, 0, 0]
    assert south["staleness"]["is_lower_bound"]
    assert (found["watermark"], found["state"]) == (BEFORE, "partitioned")
    assert [one["within"] for one in found["sites"]] == [False, True]


def test_one_site_lists_its_versions(home: Path) -> None:
    found = done(home, "north", *CLOCK)
    assert [one["site"] for one in found["sites"]] == ["north"]
    states = {(k["night"], k["part"], k["version"]): k["state"] for k in found["known"]}
    assert states == {
        (BEFORE, "0", "0-1"): "superseded",
        (BEFORE, "0", "0-3"): "superseded",
        (BEFORE, "0", "0-4"): "applied",
        (NIGHT, "0", "1-1"): "applied",
        (NIGHT, "1", "0-6"): "quarantined",
        (NIGHT, "2", "0-7"): "superseded",
        (NIGHT, "2", "0-8"): "retracted",
    }
    assert len(found["known"]) == 8


def test_a_past_snapshot_is_read_as_it_was_known(home: Path) -> None:
    first = snapshot_with(home, len(FIRST) + 1)
    then, now = done(home, "--as-of", first, *CLOCK), done(home, *CLOCK)
    assert (then["versions"], now["versions"]) == (3, 9)
    assert then["digest"] != now["digest"]
    assert then["sites"][1]["digest"] == now["sites"][1]["digest"]
    nothing = done(home, "--as-of", snapshot_with(home, 0))
    assert (nothing["versions"], nothing["sites"]) == (0, [])
    assert nothing["now"] == nothing["committed_at"]
    earlier = done(home, "--night", BEFORE, *CLOCK)
    assert (earlier["night"], earlier["arrived_mass"]) == (BEFORE, 1.0)


def test_evidence_numbers_for_itself(home: Path) -> None:
    found = done(home, "--dataset", "evidence", *CLOCK)
    assert [one["site"] for one in found["sites"]] == ["probe"]
    assert found["limits"] == {"versions": 0, "seconds": 86_400.0}


def test_people_read_the_same(home: Path) -> None:
    where = ["--home", str(home), *CLOCK]
    whole = CliRunner().invoke(app, ["ledger", *where]).stdout
    assert "demo: n=9 versions" in whole
    assert "≥ 30.0 h" in whole
    assert done(home, *CLOCK)["digest"] in whole
    alone = CliRunner().invoke(app, ["ledger", "north", *where]).stdout
    for text in ("1-1", "north/0-2, north/0-5", "2 contradict", "retracted", "30.0 h"):
        assert text in alone


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        (("nort",), "unknown_name", "closest are north"),
        (("--dataset", "demos"), "unknown_name", "demo"),
        (("--as-of", "NOSUCH"), "not_found", "NOSUCH"),
        (("--as-of", "2013-01-01"), "not_found", "committed until"),
        (("--night", "yesterday"), "invalid_input", "YYYY-MM-DD"),
    ],
)
def test_what_is_not_there_is_refused_in_words(home, words, kind, text) -> None:
    code, found = call(home, *words)
    assert (code, found["error"]["kind"]) == (2, kind)
    assert text in found["error"]["what"]


def test_without_a_store_there_is_no_ledger(tmp_path: Path) -> None:
    code, found = call(tmp_path)
    assert (code, found["error"]["kind"]) == (2, "not_found")
