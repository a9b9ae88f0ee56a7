"""The figures that a revision moved, for the section of changes."""

from __future__ import annotations

from typing import Any

from tasks.report.night_report import NightReport
from tasks.report.revision_rows import MovedFigure
from tasks.report.sections import cut
from tasks.report.wording import number

__all__ = ["moved_figures"]

MAX_MOVED = 12
_WHEN = {"tonight": "this night", "window": "nights before"}


def moved_figures(report: NightReport) -> dict[str, Any] | None:
    """Say what moved against the revision before; None for a first revision."""
    revised = report.revised
    if revised is None:
        return None
    shown = revised.figures[:MAX_MOVED]
    return {
        "of": revised.of,
        "moved": number(revised.moved),
        "compared": number(revised.compared),
        "rows": [_row(figure) for figure in shown],
        "cut": cut(len(shown), revised.moved),
    }


def _row(figure: MovedFigure) -> dict[str, str]:
    return {
        "group": figure.group,
        "feature": figure.feature,
        "when": _WHEN[figure.figure],
        "before": _value(figure.before),
        "now": _value(figure.now),
        "widths": "–" if figure.widths is None else number(abs(figure.widths), 2),
        "unit": figure.unit,
    }


def _value(value: float | None) -> str:
    return "none" if value is None else number(value, 3)
