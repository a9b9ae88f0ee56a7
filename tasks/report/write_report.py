"""Put a night's report on disk: page, numbers, tables and the index of all nights."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from storage.results import write_table
from tasks.report.night_report import NightReport
from tasks.report.nights_index import render_index
from tasks.report.render import render_html, render_json

__all__ = ["report_folder", "write_index", "write_report", "write_whole"]


def report_folder(reports: Path, night: str, revision: int) -> Path:
    """Folder of one revision of one night."""
    return reports / night / f"r{revision}"


def write_report(report: NightReport, folder: Path, links: dict[str, str]) -> Path:
    """Write page, JSON and Parquet tables into a folder, all or nothing.

    Parameters
    ----------
    report : NightReport
    folder : Path
        Where this one goes; an existing one is replaced whole.
    links : dict of str to str
        Further links of the page, relative to it.

    Returns
    -------
    Path
        The page, ``index.html`` in the folder.
    """
    tables = _tables(report)
    files = {name: name for name in ("report.json", *tables)}
    with _replaced(folder) as draft:
        page = render_html(report, links={"all": "../../index.html", **links, **files})
        (draft / "index.html").write_text(page, encoding="utf-8")
        (draft / "report.json").write_text(render_json(report), encoding="utf-8")
        for name, found in tables.items():
            write_table(draft / name, _columns([asdict(row) for row in found]))
    return folder / "index.html"


def _tables(report: NightReport) -> dict[str, Sequence[Any]]:
    """Name the rows of every table; those over many nights only if there are any."""
    nightly: dict[str, Sequence[Any]] = {
        "teams.parquet": (*report.site_rows, *report.teams),
        "agents.parquet": report.agents,
        "baselines.parquet": report.baselines,
    }
    over_nights: dict[str, Sequence[Any]] = {
        "changes.parquet": report.changes_of_agents,
        "drift.parquet": report.drift,
        "season.parquet": report.season,
        "cliques.parquet": report.cliques,
        "quantiles.parquet": report.quantiles,
    }
    return nightly | {name: rows for name, rows in over_nights.items() if rows}


def write_index(reports: Path, summaries: list[dict[str, Any]]) -> Path:
    """Write the page of all nights from their one-line summaries."""
    reports.mkdir(parents=True, exist_ok=True)
    path = reports / "index.html"
    write_whole(path, render_index(summaries))
    return path


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once: a reader sees the old text or the new one."""
    draft = path.with_suffix(".partial")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `folder` when all went well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        draft.chmod(0o755)
        yield draft
        if folder.exists():
            shutil.rmtree(folder)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Flatten nested values into columns: ``estimate_value``, ``feature`` by name."""
    flat = [_flatten(row) for row in rows]
    return {key: [row.get(key) for row in flat] for row in flat[:1] for key in row}


def _flatten(row: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict) and "label" in value:
            out[key] = value["name"]
        elif isinstance(value, dict):
            out |= {f"{key}_{inner}": part for inner, part in value.items()}
        elif isinstance(value, tuple):
            out[key] = json.dumps(value)
        else:
            out[key] = value
    return out
