"""Tell the readers of an older revision that a newer one stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tasks.report.render import dump_json, environment
from tasks.report.write_report import report_folder, write_whole

__all__ = ["mark_superseded"]

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
    banner = (
        environment()
        .get_template("superseded.html.j2")
        .render(superseded_by=newest, links={"newest": f"../r{newest}/index.html"})
    )
    rewritten = []
    for revision in range(1, newest):
        folder = report_folder(reports, night, revision)
        page = folder / "index.html"
        if not page.is_file():
            continue
        text = page.read_text(encoding="utf-8")
        marked = _BANNER.sub(lambda _: banner, text, count=1)
        if marked != text:
            _mark_numbers(folder / "report.json", newest)
            write_whole(page, marked)
            rewritten.append(page)
    return tuple(rewritten)


def _mark_numbers(path: Path, newest: int) -> None:
    if path.is_file():
        content = json.loads(path.read_text(encoding="utf-8"))
        content["report"]["superseded_by"] = newest
        write_whole(path, dump_json(content))
