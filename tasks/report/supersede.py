"""Tell readers of a page that a newer revision stands, or that shards changed since."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.report.render import dump_json, environment
from tasks.report.wording import count
from tasks.report.write_report import report_folder, write_whole

__all__ = ["mark_out_of_date", "mark_superseded"]

_BANNER = re.compile(r"<!-- superseded -->.*?<!-- /superseded -->", re.DOTALL)


def mark_superseded(reports: Path, night: str, newest: int) -> tuple[Path, ...]:
    """Write into every older revision of a night that `newest` has taken its place.

    Only the banner of the page and the field of ``report.json`` change; numbers and
    sentences stay as they were published.  Each file is replaced whole, numbers before
    page, so that a run that dies in between is repaired by doing this again.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    night : str
        ISO date.
    newest : int
        Revision that stands now.  Older ones without a page, for instance deleted ones,
        are left out, and a page that was written before it had a place for the banner
        stays as it is.

    Returns
    -------
    tuple of Path
        The pages that were rewritten, oldest revision first; none if all said it.
    """
    banner = _banner(newest, "")
    rewritten = []
    for revision in range(1, newest):
        folder = report_folder(reports, night, revision)
        if _mark(folder, banner, {"superseded_by": newest, "out_of_date": []}):
            rewritten.append(folder / "index.html")
    return tuple(rewritten)


def mark_out_of_date(
    reports: Path, night: str, revision: int, changes: Sequence[str]
) -> bool:
    """Write into the page of a revision that stands which shards changed since.

    Parameters
    ----------
    reports : Path
        Folder of all reports.
    night : str
        ISO date.
    revision : int
    changes : sequence of str
        One line per shard; none takes the note away again.

    Returns
    -------
    bool
        Whether the page was rewritten.
    """
    are = "is" if len(changes) == 1 else "are"
    said = f"{count(len(changes), 'shard')} changed since and {are} not in it."
    folder = report_folder(reports, night, revision)
    return _mark(
        folder, _banner(None, said if changes else ""), {"out_of_date": list(changes)}
    )


def _banner(newest: int | None, out_of_date: str) -> str:
    links = {"newest": f"../r{newest}/index.html" if newest else ""}
    template = environment().get_template("superseded.html.j2")
    return template.render(superseded_by=newest, out_of_date=out_of_date, links=links)


def _mark(folder: Path, banner: str, fields: dict[str, Any]) -> bool:
    """Replace banner and fields of one page; tell whether the page said another."""
    page = folder / "index.html"
    if not page.is_file():
        return False
    text = page.read_text(encoding="utf-8")
    marked = _BANNER.sub(lambda _: banner, text, count=1)
    if marked == text:
        return False
    _mark_numbers(folder / "report.json", fields)
    write_whole(page, marked)
    return True


def _mark_numbers(path: Path, fields: dict[str, Any]) -> None:
    if path.is_file():
        content = json.loads(path.read_text(encoding="utf-8"))
        content["report"] |= fields
        write_whole(path, dump_json(content))
