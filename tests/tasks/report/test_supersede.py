"""Older revisions point to the newest one; nothing else of them changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest

from stats.summary import InvalidInput, NotEnoughData
from tasks.report.attempt import collect_or_error
from tasks.report.night_report import NightReport
from tasks.report.render import render_html, render_json
from tasks.report.rows import SectionError
from tasks.report.supersede import mark_superseded
from tasks.report.write_report import report_folder, write_report
from tests.over_nights import changed, nothing_over_nights
from tests.reports import calm
from tests.special_nights import storm


def publish(reports: Path, report: NightReport, revision: int) -> Path:
    folder = report_folder(reports, report.night, revision)
    return write_report(replace(report, revision=revision), folder, {})


@pytest.mark.parametrize("make", [storm, changed])
def test_a_marked_page_is_the_page_rendered_as_superseded(make, tmp_path: Path) -> None:
    page = publish(tmp_path, make(), 1)
    publish(tmp_path, make(), 2)
    night = make().night
    files = {p.name: p.name for p in page.parent.iterdir() if p != page}
    links = {"all": "../../index.html", "newest": "../r2/index.html", **files}
    assert mark_superseded(tmp_path, night, 2) == (page,)
    expected = replace(make(), revision=1, superseded_by=2)
    assert page.read_text("utf-8") == render_html(expected, links=links)
    numbers = (page.parent / "report.json").read_text("utf-8")
    assert numbers == render_json(expected)


def test_every_older_revision_names_the_newest_and_the_newest_stays(
    tmp_path: Path,
) -> None:
    pages = [publish(tmp_path, calm(), k) for k in (1, 2, 3)]
    night = calm().night
    mark_superseded(tmp_path, night, 2)
    newest = pages[2].read_bytes()
    assert mark_superseded(tmp_path, night, 3) == tuple(pages[:2])
    for page in pages[:2]:
        text = page.read_text("utf-8")
        assert text.count("Superseded: revision 3 is newer.") == 1
        assert "revision 2 is newer" not in text
        content = json.loads((page.parent / "report.json").read_text("utf-8"))
        assert content["report"]["superseded_by"] == 3
    assert pages[2].read_bytes() == newest
    assert mark_superseded(tmp_path, night, 3) == ()


def test_a_first_revision_has_nothing_to_mark(tmp_path: Path) -> None:
    publish(tmp_path, calm(), 1)
    assert mark_superseded(tmp_path, calm().night, 1) == ()


def test_deleted_and_foreign_pages_are_left_alone(tmp_path: Path) -> None:
    night = calm().night
    foreign = report_folder(tmp_path, night, 2) / "index.html"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("<p>from before the banner</p>")
    assert mark_superseded(tmp_path, night, 3) == ()
    assert foreign.read_text() == "<p>from before the banner</p>"
    assert not report_folder(tmp_path, night, 1).exists()


def test_a_run_that_died_between_numbers_and_page_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = publish(tmp_path, calm(), 1)
    untouched = page.read_text("utf-8")

    def die(path: Path, text: str) -> None:
        if path.suffix == ".html":
            raise OSError("no space left")
        path.write_text(text, encoding="utf-8")

    with monkeypatch.context() as broken:
        broken.setattr("tasks.report.supersede.write_whole", die)
        with pytest.raises(OSError, match="no space left"):
            mark_superseded(tmp_path, calm().night, 2)
    assert page.read_text("utf-8") == untouched
    assert mark_superseded(tmp_path, calm().night, 2) == (page,)
    assert "Superseded" in page.read_text("utf-8")
    assert sorted(p.suffix for p in page.parent.iterdir()) == sorted(
        [".html", ".json", ".parquet", ".parquet", ".parquet"]
    )


def test_tables_over_nights_are_written_and_linked_when_there_are_rows(
    tmp_path: Path,
) -> None:
    page = publish(tmp_path, changed(), 1)
    folder, text = page.parent, page.read_text("utf-8")
    report = changed()
    rows = {
        "changes": report.changes_of_agents,
        "drift": report.drift,
        "season": report.season,
        "cliques": report.cliques,
        "quantiles": report.quantiles,
    }
    for name, found in rows.items():
        table = pyarrow.parquet.read_table(folder / f"{name}.parquet")
        assert table.num_rows == len(found) > 0
        assert f'href="{name}.parquet"' in text
    drift = pyarrow.parquet.read_table(folder / "drift.parquet").to_pydict()
    assert drift["feature"][:3] == ["arr_delay", "dep_delay", None]
    quiet = publish(tmp_path / "quiet", nothing_over_nights(), 1)
    assert not (quiet.parent / "cliques.parquet").exists()
    assert "cliques.parquet" not in quiet.read_text("utf-8")


def test_a_typed_error_becomes_the_error_of_its_section() -> None:
    def few() -> tuple[int, ...]:
        raise NotEnoughData("season: 2 weeks, 3 needed. Widen the window.")

    expected = SectionError(
        "season", "not_enough_data", "season: 2 weeks, 3 needed. Widen the window."
    )
    assert collect_or_error("season", few, ()) == ((), (expected,))
    assert collect_or_error("season", lambda: (1, 2), ()) == ((1, 2), ())


def test_the_kind_is_that_of_the_error_raised() -> None:
    def wrong() -> None:
        raise InvalidInput("drift: level is 2, not in (0, 1). Give a probability.")

    _, (error,) = collect_or_error("drift", wrong, None)
    assert (error.section, error.kind) == ("drift", "invalid_input")


def test_a_fault_of_the_program_is_not_hidden() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        collect_or_error("drift", broken, None)
