"""The nights of an investigation as short rows of text, for a terminal or a table."""

from __future__ import annotations

from itertools import groupby

from pydantic import BaseModel

from tasks.history.answer import digits, place_name
from tasks.history.record import History, HistoryNight, Place
from tasks.history.section import STATES, night_note
from tasks.report.wording import count, number, probability, span

__all__ = ["Row", "columns", "night_rows"]


class Row(BaseModel):
    """Cells of one night, or of a run of nights without rows (`empty`)."""

    cells: tuple[str, ...]
    marked: bool = False
    empty: bool = False


def columns(history: History) -> tuple[str, ...]:
    """Headings of `night_rows`."""
    _, label, unit = history.features[history.lead_index]
    lead = f"{label}, {unit}" if unit else label
    around = {"agent": f"{history.team_noun}'s", "team": "site's", "site": "all"}
    place = (history.team_noun,) if len(history.places) > 1 else ()
    return (
        *place, "night", "n", lead, around[history.kind], "usual", "p", "note",
    )  # fmt: skip


def night_rows(history: History) -> tuple[Row, ...]:
    """Rows per place and night, oldest first; runs without rows are one row."""
    return tuple(
        row
        for place in history.places
        for (state, _), run in groupby(place.nights, key=_kind)
        for row in _rows(history, place, state, list(run))
    )


def _kind(night: HistoryNight) -> tuple[str, bool]:
    return night.state, bool(night.corrections)


def _rows(
    history: History, place: Place, state: str, run: list[HistoryNight]
) -> list[Row]:
    name = (place_name(place),) if len(history.places) > 1 else ()
    if state != "present":
        more = "" if len(run) == 1 else f", {count(len(run), 'night')}"
        note = f"{STATES[state]}{more}"
        return [Row(cells=(*name, run[0].night, "", "", "", "", "", note), empty=True)]
    j = history.lead_index
    own, d = place.baseline[j], digits(place, j)
    usual = span(own.usual_lower, own.usual_upper, d)
    return [
        Row(
            cells=(
                *name, night.night, number(night.n),
                number(night.features[j].mean, d), number(night.features[j].around, d),
                usual, probability(night.p), night_note(night),
            ),
            marked=night.marked,
        )
        for night in run
    ]  # fmt: skip
