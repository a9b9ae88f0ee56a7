"""What a benchmark found, as plain values that are stored and turned into a page."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Goal:
    """A bound on a ratio or a figure; both bounds may be set."""

    least: float | None = None
    most: float | None = None
    stretch: float | None = None

    def holds(self, value: float) -> bool:
        above = self.least is None or value >= self.least
        below = self.most is None or value <= self.most
        return above and below and not math.isnan(value)

    def __str__(self) -> str:
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        text = f"≥ {self.least:g}" if self.most is None else f"≤ {self.most:g}"
        return text if self.stretch is None else f"{text} (stretch {self.stretch:g})"


@dataclass(frozen=True)
class Comparison:
    """Two things that were run alternately, round by round.

    Attributes
    ----------
    what : str
        What both do.
    ours, peer : str
        Who they are.
    ours_seconds, peer_seconds : tuple of float
        Processor time of every round, in the order they were run.
    units : int
        What a round works through, if a time per unit says more than a time.
    unit : str
    inverse : bool
        The ratio is peer over ours: how many times less ours takes.
    goal : Goal, optional
        For the median of the ratios.
    note : str
    """

    what: str
    ours: str
    peer: str
    ours_seconds: tuple[float, ...]
    peer_seconds: tuple[float, ...]
    units: int = 0
    unit: str = "row"
    inverse: bool = False
    goal: Goal | None = None
    note: str = ""

    def ratios(self) -> list[float]:
        """One ratio per round: both sides met the same moment of the machine."""
        pairs = zip(self.ours_seconds, self.peer_seconds, strict=True)
        return [b / a if self.inverse else a / b for a, b in pairs]

    def ratio(self) -> float:
        return statistics.median(self.ratios())


@dataclass(frozen=True)
class Figure:
    """One measured number, with the values it was found from.

    Attributes
    ----------
    what : str
    value : float
    unit : str
    goal : Goal, optional
    note : str
        What it was found from, in words.
    """

    what: str
    value: float
    unit: str = ""
    goal: Goal | None = None
    note: str = ""


@dataclass(frozen=True)
class Section:
    """Everything one part of the benchmark found."""

    name: str
    title: str
    text: str
    comparisons: tuple[Comparison, ...] = ()
    figures: tuple[Figure, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A section with when, where and how it was measured."""

    section: Section
    date: str
    commit: str
    machine: str
    command: str


def load(path: Path) -> dict[str, Run]:
    """Read what earlier runs stored; nothing if there is no such file."""
    if not path.is_file():
        return {}
    entries: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["runs"]
    runs = [Run(_section(entry.pop("section")), **entry) for entry in entries]
    return {run.section.name: run for run in runs}


def save(path: Path, runs: Iterable[Run]) -> None:
    """Write all runs, one line each."""
    lines = [json.dumps(asdict(run), ensure_ascii=False) for run in runs]
    body = ",\n".join(lines)
    path.write_text(f'{{"runs": [\n{body}\n]}}\n', encoding="utf-8")


def _section(entry: dict[str, Any]) -> Section:
    return Section(
        entry["name"],
        entry["title"],
        entry["text"],
        tuple(_comparison(item) for item in entry["comparisons"]),
        tuple(Figure(**item | {"goal": _goal(item)}) for item in entry["figures"]),
        tuple(entry["skipped"]),
    )


def _comparison(item: dict[str, Any]) -> Comparison:
    seconds = {name: tuple(item[name]) for name in ("ours_seconds", "peer_seconds")}
    return Comparison(**item | seconds | {"goal": _goal(item)})


def _goal(item: dict[str, Any]) -> Goal | None:
    return None if item["goal"] is None else Goal(**item["goal"])
