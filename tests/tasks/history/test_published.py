"""What published nights said, and files that came after them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from storage.store import BehaviorStore
from tasks.history.build import investigate_store
from tasks.history.published import Findings
from tasks.history.subject import Seat
from tests.histories import deliver, rows
from tests.homes import LAST, MISSING_SITE, take_in

GROUPS = {
    "team": np.array(["n/a", "n/b"]), "team_p": np.array([0.01, np.nan]),
    "team_q": np.array([0.02, np.nan]), "team_found": np.array([True, False]),
    "site": np.array(["n"]), "site_p": np.array([0.3]),
    "site_q": np.array([0.3]), "site_found": np.array([False]),
}  # fmt: skip
AGENTS = {
    "agent": np.array(["x1", "x2", "y"]), "agent_team": np.array(["n/a", "n/b", "n/a"]),
    "agent_entity": np.array(["x", "x", "y"]), "agent_p": np.array([0.2, 0.001, 0.5]),
    "entity": np.array(["x", "y"]), "entity_q": np.array([0.004, 0.5]),
    "entity_found": np.array([True, False]),
}  # fmt: skip


def test_a_night_with_too_few_before_it_says_nothing_about_agents() -> None:
    findings = Findings({"2026-03-02": (1, GROUPS)})
    assert findings.seat("2026-03-02", Seat("n", "a", "x1", "x")) is None
    assert findings.members("team", "n/a") == ()
    said = findings.group("2026-03-02", "team", "n/a")
    assert said is not None
    assert (said.p, said.q, said.found) == (0.01, 0.02, True)
    assert findings.group("2026-03-02", "team", "n/none") is None
    assert findings.group("2026-03-03", "team", "n/a") is None


def test_an_agent_has_its_own_p_and_the_q_of_its_entity() -> None:
    findings = Findings({"2026-03-02": (3, GROUPS | AGENTS)})
    first = findings.seat("2026-03-02", Seat("n", "a", "x1", "x"))
    assert first is not None
    assert (first.revision, first.p, first.q, first.found) == (3, 0.2, 0.004, True)
    away = findings.seat("2026-03-02", Seat("n", "c", "x1", "x"))
    assert away is not None
    assert (away.p, away.q, away.found) == (None, 0.004, True)
    names = [(m.name, m.found, m.lowest_p) for m in findings.members("team", "n/a")]
    assert names == [("x", ("2026-03-02",), 0.2), ("y", (), 0.5)]
    teams = [(m.name, m.found) for m in findings.members("site", "n")]
    assert teams == [("n/a", ("2026-03-02",)), ("n/b", ())]


def test_a_change_against_the_own_past_is_told_of_the_agent_in_its_team() -> None:
    changes = {
        "agent": np.array(["x1", "y"]), "team": np.array(["n/a", "n/a"]),
        "change": np.array(["slow drift", ""]), "since": np.array(["2026-02-20", ""]),
    }  # fmt: skip
    findings = Findings({"2026-03-02": (1, GROUPS | AGENTS)}, {"2026-03-02": changes})
    said = findings.seat("2026-03-02", Seat("n", "a", "x1", "x"))
    assert said is not None
    assert (said.change, said.since) == ("slow drift", "2026-02-20")
    for seat in (Seat("n", "b", "x1", "x"), Seat("n", "a", "y", "y")):
        other = findings.seat("2026-03-02", seat)
        assert other is not None
        assert (other.change, other.since) == ("", "")


def test_a_file_that_came_after_its_report_is_late(
    history_home: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(history_home, tmp_path / "home"))
    found = rows(MISSING_SITE, LAST)
    late = deliver(tmp_path / "late", MISSING_SITE, LAST, found, 1)
    assert take_in(home, late).exit_code == 0
    store = BehaviorStore.open(str(home / "store"))
    for name, moved in (("south-003", True), (MISSING_SITE, None)):
        night = investigate_store(store, name).places[0].nights[-1]
        assert (night.night, night.state) == (LAST, "present")
        (change,) = night.corrections
        assert (change.what, change.rows_before) == ("late", None)
        assert (change.rows_now, change.moved) == (len(found), moved)
    assert investigate_store(store, "north").places[0].nights[-1].corrections == ()
