"""The page: rendered from what is stored, and a missed goal is shown as missed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.bench import __main__ as command
from tests.bench import page, results
from tests.bench.results import Comparison, Figure, Goal, Run, Section
from tests.bench.timing import ROOT


def _runs() -> list[Run]:
    missed = Comparison(
        "pass", "ours", "floor", (2.0, 3.0), (1.0, 1.0), goal=Goal(most=2)
    )
    reached = Comparison(
        "sql",
        "ours",
        "them",
        (1e-3,),
        (0.011,),
        1000,
        inverse=True,
        goal=Goal(least=10),
    )
    figure = Figure("slope", 1.01, "", Goal(least=0.95, most=1.05), "four sizes")
    section = Section("a", "Title", "Text.", (missed, reached), (figure,), ("why",))
    return [Run(section, "today", "abc", "this machine", "make bench")]


def test_a_missed_goal_is_shown_as_missed() -> None:
    shown = page.render(_runs())
    assert "| 2.50 (2.00 to 3.00) × | ≤ 2 | **no** |" in shown
    assert "| 11.0 (11.0 to 11.0) × less | ≥ 10 | yes |" in shown
    assert "| slope | 1.01 | 0.95 to 1.05 | yes | four sizes |" in shown
    assert ": 1.00 µs/row" in shown
    assert "- Not measured: why" in shown


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (Goal(most=1.8), 1.8, True),
        (Goal(most=1.8), 1.81, False),
        (Goal(least=10), 9.99, False),
        (Goal(least=0.95, most=1.05), 0.94, False),
        (Goal(most=1.0), float("nan"), False),
    ],
)
def test_goals(goal: Goal, value: float, reached: bool) -> None:
    assert goal.holds(value) is reached


def test_results_come_back_as_they_were_stored(tmp_path: Path) -> None:
    results.save(tmp_path / "b.json", _runs())
    assert list(results.load(tmp_path / "b.json").values()) == _runs()
    assert results.load(tmp_path / "none.json") == {}


def test_the_page_shows_the_stored_results_and_nothing_else() -> None:
    runs = results.load(ROOT / "docs" / "benchmarks.json")
    assert runs
    shown = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    assert shown == page.render(runs.values())


def test_sections_that_are_not_measured_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = _runs()
    kept = dataclasses.replace(
        run, section=dataclasses.replace(run.section, name="sums")
    )
    results.save(tmp_path / "benchmarks.json", [kept])
    asked = ["--quick", "--only", "accuracy", "--write", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["bench", *asked])
    command.main()
    stored = results.load(tmp_path / "benchmarks.json")
    assert list(stored) == ["sums", "accuracy"]
    assert stored["sums"] == kept
    assert (tmp_path / "benchmarks.md").read_text("utf-8") == page.render(
        stored.values()
    )
    assert "covariance, ours" in capsys.readouterr().out


def test_unknown_sections_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--only", "peers,everything"])
    with pytest.raises(SystemExit, match=r"no section \['everything'\]"):
        command.main()
