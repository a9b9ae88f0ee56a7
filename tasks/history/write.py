"""Put an investigation on disk: the page, its numbers as JSON and as a table."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from storage.results import write_table
from tasks.history.answer import answer
from tasks.history.page import render_page
from tasks.history.record import History, HistoryNight, Place

__all__ = ["default_folder", "history_json", "safe_name", "write_history"]

FILES = ("history.parquet", "history.json", "index.html")
"""What a folder holds; the page comes last, when its data are there."""


def safe_name(name: str) -> str:
    """Name of a folder for a subject; a hash tells apart what had to be changed.

    >>> safe_name("N328AA"), safe_name("EWR/UA@EWR")
    ('N328AA', 'EWR_UA@EWR-a4d318')
    """
    plain = re.sub(r"[^A-Za-z0-9@._-]", "_", name).lstrip(".")[:80]
    if plain == name:
        return plain
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def default_folder(home: Path, history: History) -> Path:
    """Where an investigation goes when no folder is given."""
    nights = f"{history.since}_{history.until}"
    return home / "investigations" / safe_name(history.name) / nights


def history_json(history: History) -> dict[str, Any]:
    """Every number of the page and the answer, as plain values."""
    said = answer(history)
    told = {"title": said.title, "text": said.text}
    return {"format": 1, "answer": told, "history": history.to_json()}


def write_history(history: History, folder: Path, *, reports: Path, made: str) -> Path:
    """Write the page, ``history.json`` and ``history.parquet``.

    Parameters
    ----------
    history : History
    folder : Path
        Made if it is not there.  Files of an earlier run are replaced, each at once
        and the page last; nothing else in it is touched.
    reports : Path
        Folder of the nightly reports, for links to them.
    made : str
        When, ISO 8601 with zone.

    Returns
    -------
    Path
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
    try:
        links = _links(history, folder, reports)
        page = render_page(history, made, links)
        (draft / "index.html").write_text(page, encoding="utf-8")
        content = json.dumps(
            history_json(history), sort_keys=True, indent=1, allow_nan=False
        )
        (draft / "history.json").write_text(content + "\n", encoding="utf-8")
        write_table(draft / "history.parquet", _columns(history))
        for name in FILES:
            (draft / name).replace(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder / "index.html"


def _links(history: History, folder: Path, reports: Path) -> dict[str, str]:
    """Relative addresses of the data files and of the reports that exist."""
    links = {name: name for name in FILES[:-1]}
    pages = {"all": reports / "index.html"}
    for place in history.places:
        for night in place.nights:
            if night.published is not None:
                revision = f"r{night.published.revision}"
                pages[night.night] = reports / night.night / revision / "index.html"
    for key, page in pages.items():
        if page.is_file():
            links[key] = Path(os.path.relpath(page, folder)).as_posix()
    return links


def _columns(history: History) -> dict[str, list[Any]]:
    """One row per place and night; features side by side."""
    rows = [
        _row(history, place, night)
        for place in history.places
        for night in place.nights
    ]
    return {key: [row[key] for row in rows] for key in rows[0]}


def _row(history: History, place: Place, night: HistoryNight) -> dict[str, Any]:
    said = night.published
    row: dict[str, Any] = {
        "site": place.site, "team": place.team, "agent": place.agent,
        "entity": place.entity, "night": night.night, "state": night.state,
        "n": night.n, "agents": night.agents, "distance": night.distance,
        "log_p": night.log_p, "p": night.p, "extrapolated": night.extrapolated,
        "stands_out": night.stands_out,
        "published_revision": None if said is None else said.revision,
        "published_p": None if said is None else said.p,
        "published_q": None if said is None else said.q,
        "published_found": None if said is None else said.found,
        "corrections": len(night.corrections),
    }  # fmt: skip
    for j, (name, _, _) in enumerate(history.features):
        values = dataclasses.asdict(night.features[j]) if night.features else {}
        for field in ("n", "mean", "lower", "upper", "around", "residual", "steps",
                      "share", "outside"):  # fmt: skip
            row[f"{name}_{field}"] = values.get(field)
    return row
