"""Turn stored results into docs/benchmarks.md; no number comes from anywhere else."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Iterable, Sequence

from tests.bench.results import Comparison, Figure, Goal, Run

_HEAD = """# Benchmarks

`make bench` writes this page from what it measured. Two things that are compared run
alternately, A B A B, after a warm-up; a ratio is the median of the ratios of the
rounds, in brackets the least and the most. Times are processor time of all threads,
and of worker processes where there are any, never wall time. A goal that was missed is
shown as missed. Other machines give other times; ratios differ less.
"""
_COMPARED = ("what", "ours", "beside", "takes", "ratio", "goal", "reached")
_MEASURED = ("what", "measured", "goal", "reached", "from")


def render(runs: Iterable[Run]) -> str:
    """Return the page."""
    parts = [_HEAD]
    for run in runs:
        section = run.section
        origin = f"`{run.command}`, {run.date}, commit {run.commit}. {run.machine}."
        parts.append(f"## {section.title}\n")
        parts += [f"{_wrapped(text)}\n" for text in (section.text, origin)]
        if section.comparisons:
            parts.append(_table(_COMPARED, map(_compared, section.comparisons)))
        if section.figures:
            parts.append(_table(_MEASURED, map(_measured, section.figures)))
        if section.skipped:
            parts.append("".join(f"- Not measured: {why}\n" for why in section.skipped))
    return "\n".join(parts)


def plain(items: Iterable[Comparison | Figure]) -> list[str]:
    """Return one line per result, for a terminal."""
    cells = [
        _compared(item) if isinstance(item, Comparison) else _measured(item)
        for item in items
    ]
    return ["  " + " | ".join(cell for cell in row if cell) for row in cells]


def number(value: float) -> str:
    """Three digits, without an exponent where that reads well."""
    if value == 0 or not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}" if abs(value) >= 1 else f"{value:.3g}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 88, break_long_words=False, break_on_hyphens=False)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _compared(item: Comparison) -> tuple[str, ...]:
    ratios = item.ratios()
    spread = f"{number(item.ratio())} ({number(min(ratios))} to {number(max(ratios))})"
    sign = "× less" if item.inverse else "×"
    what = f"{item.what}; {item.note}" if item.note else item.what
    return (
        what,
        f"{item.ours}: {_time(item.ours_seconds, item)}",
        item.peer,
        _time(item.peer_seconds, item),
        f"{spread} {sign}",
        *_verdict(item.goal, item.ratio()),
    )


def _measured(item: Figure) -> tuple[str, ...]:
    value = f"{number(item.value)} {item.unit}".strip()
    return (item.what, value, *_verdict(item.goal, item.value), item.note)


def _verdict(goal: Goal | None, value: float) -> tuple[str, str]:
    if goal is None:
        return "", ""
    return str(goal), "yes" if goal.holds(value) else "**no**"


def _time(seconds: Sequence[float], item: Comparison) -> str:
    median = statistics.median(seconds)
    if item.units:
        return f"{duration(median / item.units)}/{item.unit}"
    return duration(median)


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds * 1e9)} ns"
