"""The page of an investigation: agrees with its data, readable, repeatable, escaped."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from storage.store import BehaviorStore
from tasks.history.answer import answer, by_chance
from tasks.history.build import investigate_store
from tasks.history.figures import feature_panel
from tasks.history.own import mark_nights
from tasks.history.page import render_page
from tasks.history.record import History, HistoryNight
from tasks.history.rows import columns, night_rows
from tasks.history.write import FILES, default_folder, safe_name, write_history
from tests.histories import CORRECTED, ODD, ODD_NIGHT, ROVER
from tests.homes import MISSING_SITE
from tests.page import Element, parse, words

MADE = "2026-03-25T07:00:00+00:00"
LINKS = {"all": "../../index.html", "history.json": "history.json"}
NAMES = (ODD, ROVER, CORRECTED, "north/team-3", MISSING_SITE)


@pytest.fixture(scope="module")
def histories(history_home: Path) -> dict[str, History]:
    store = BehaviorStore.open(str(history_home / "store"))
    return {name: investigate_store(store, name) for name in NAMES}


@pytest.fixture(scope="module", params=NAMES)
def page(request: pytest.FixtureRequest, histories: dict[str, History]) -> Element:
    return parse(render_page(histories[request.param], MADE, LINKS))


def test_sections_tables_and_drawings_are_named(page: Element) -> None:
    assert len(page.all("h1")) == 1
    for section in page.all("section"):
        heading = page.by_id(section.attributes["aria-labelledby"])
        assert heading.tag == "h2"
        assert words(heading.text)
    for table in page.all("table"):
        assert [words(c.text) != "" for c in table.all("caption")] == [True]
        assert {h.attributes.get("scope") for h in table.all("th")} <= {"col", "row"}
        columns = len(table.all("thead")[0].all("th"))
        widths = {len(r.all("th", "td")) for r in table.all("tbody")[0].all("tr")}
        assert widths <= {columns}
    spoken = [s for s in page.all("svg") if s.attributes.get("role") == "img"]
    assert len(spoken) >= 4
    for svg in spoken:
        parts = [page.by_id(n) for n in svg.attributes["aria-labelledby"].split()]
        assert [e.tag for e in parts] == ["title", "desc"]
        assert all(words("".join(map(str, e.children))) for e in parts)
    silent = [s for s in page.all("svg") if s not in spoken]
    assert {s.attributes["aria-hidden"] for s in silent} == {"true"}


def test_ids_are_unique_and_every_anchor_leads_somewhere(page: Element) -> None:
    ids = [e.attributes["id"] for e in page.everything() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    anchors = [e.attributes["href"] for e in page.all("a", "use")]
    assert {h[1:] for h in anchors if h.startswith("#")} <= set(ids)
    assert {h for h in anchors if not h.startswith("#")} == set(LINKS.values())


def test_the_answer_is_title_heading_and_first_paragraph(
    histories: dict[str, History],
) -> None:
    said = answer(histories[ODD])
    assert said.title == f"{ODD}: 9 of 10 nights, stood out on 1: 22 March".replace(
        "10 n", "10\N{NO-BREAK SPACE}n"
    ).replace("22 M", "22\N{NO-BREAK SPACE}M")
    text = words(said.text)
    assert "Furthest from its team on 22 March (p = 0.0094)" in text
    assert "by latency: 678 ms, its team 496." in text
    assert "It was absent on 1 night." in text
    found = parse(render_page(histories[ODD], MADE, LINKS))
    assert words(found.all("h1")[0].text) == words(f"{said.title}.")
    assert words(said.title) in words(found.all("title")[0].text)
    (lead,) = [p for p in found.all("p") if p.attributes.get("class") == "lead"]
    assert words(lead.text) == text
    south = answer(histories[MISSING_SITE])
    assert f"{MISSING_SITE} delivered nothing on 2 nights" in words(
        south.text.replace("South", "south")
    )
    moved = words(answer(histories[CORRECTED]).text)
    assert moved.endswith("corrected; its own values moved on 1 of them.")


def test_figure_table_and_terminal_show_the_same_nights(
    histories: dict[str, History],
) -> None:
    history = histories[ODD]
    (place,) = history.places
    panel = feature_panel(history, place, history.lead_index)
    assert len(panel.marks) == len(place.present)
    assert [m.marked for m in panel.marks].count(True) == 1
    assert [c.state for c in panel.columns] == ["absent"]
    table = parse(render_page(history, MADE, LINKS)).by_id("place-0").all("table")[-1]
    rows = {
        e.all("time")[0].attributes["datetime"]: words(e.text)
        for e in table.all("tbody")[0].all("tr")
    }
    assert list(rows) == [n.night for n in place.nights[::-1]]
    assert "678 (496)" in rows[ODD_NIGHT]
    assert rows[ODD_NIGHT].endswith("stands out")
    shown = {row.cells[0]: row for row in night_rows(history)}
    assert shown[ODD_NIGHT].marked
    assert dict(zip(columns(history), shown[ODD_NIGHT].cells, strict=True)) == {
        "night": ODD_NIGHT, "n": "2", "Latency, ms": "678", "team's": "496",
        "usual": shown[ODD_NIGHT].cells[4], "p": "0.0094", "note": "stands out",
    }  # fmt: skip


def test_files_are_replaced_and_nothing_else_is_touched(
    histories: dict[str, History], tmp_path: Path
) -> None:
    history = histories[ODD]
    folder = default_folder(tmp_path, history)
    assert folder == tmp_path / "investigations" / ODD / "2026-03-15_2026-03-24"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (folder / "index.html").write_text("old")
    first = write_history(history, folder, reports=tmp_path, made=MADE).read_bytes()
    again = write_history(history, folder, reports=tmp_path, made=MADE).read_bytes()
    assert first == again != b"old"
    assert {p.name for p in folder.iterdir()} == {*FILES, "notes.txt"}
    found = json.loads((folder / "history.json").read_text())
    assert found["answer"]["title"] == answer(history).title
    night = found["history"]["places"][0]["nights"][7]
    table = pyarrow.parquet.read_table(folder / "history.parquet").to_pylist()
    assert (night["night"], table[7]["night"]) == (ODD_NIGHT, ODD_NIGHT)
    assert table[7]["latency_mean"] == night["features"][0]["mean"]
    assert [row["stands_out"] for row in table].count(True) == 1


def test_nothing_is_loaded_and_a_hostile_name_is_text(
    histories: dict[str, History],
) -> None:
    evil = '<script>alert("x")</script>'
    history = histories["north/team-3"]
    (place,) = history.places
    html = render_page(
        replace(
            history,
            name=evil,
            team_noun=evil,
            features=tuple((n, evil, evil) for n, _, _ in history.features),
            places=(replace(place, team=evil, site=evil),),
            members=tuple(replace(m, name=evil) for m in history.members),
        ),
        MADE,
        LINKS,
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 20
    assert not re.search(r"(?i)https?:|//[a-z]|@import|<iframe|\son[a-z]+=", html)


@pytest.mark.parametrize("name", ["../x", "..", "a/b", "a b", "é" * 300, ".hidden"])
def test_a_folder_name_never_leaves_its_folder(name: str) -> None:
    made = safe_name(name)
    assert re.fullmatch(r"[A-Za-z0-9@_-][A-Za-z0-9@._-]{0,90}", made)
    assert made != safe_name(f"{name} ")


def test_marks_need_a_small_rate_or_a_night_beyond_a_short_past() -> None:
    def nights(*p: float, beyond: bool = False) -> list[HistoryNight]:
        return [
            HistoryNight(f"2026-03-{k:02d}", "present", p=v, extrapolated=beyond)
            for k, v in enumerate(p, 1)
        ]

    def marked(found: tuple[HistoryNight, ...]) -> list[bool]:
        return [n.stands_out for n in found]

    many = nights(0.0001, 0.02, *np.linspace(0.1, 0.9, 18))
    assert marked(mark_nights(many, 0.05, 9_999)) == [True] + [False] * 19
    short = nights(0.01, beyond=True) + nights(*np.linspace(0.1, 0.9, 19))
    assert marked(mark_nights(short, 0.05, 99)) == [True] + [False] * 19
    assert marked(mark_nights(short, 0.05, 999)) == [False] * 20


def test_how_many_nights_lie_beyond_the_usual_range_by_chance() -> None:
    """The share is that of fresh values, counted, not the 5 % of the past ones."""
    rng = np.random.default_rng(3)
    past, fresh = rng.uniform(size=(14, 9_000)), rng.uniform(size=(50, 9_000))
    low, high = np.quantile(past, [0.025, 0.975], axis=0)
    share = ((fresh < low) | (fresh > high)).mean()
    assert by_chance(14, 100) == f"about {100 * share:.0f}"
    assert by_chance(60, 5) == "less than 1"
