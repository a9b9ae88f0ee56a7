"""Intervals while sites are silent: how often they hold the truth, and how wide."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from tests.bench.options import Options
from tests.bench.results import Figure, Goal, Section
from tests.calibration import missing_study as study
from tests.calibration.missing_populations import HISTORY, MISFITS, SCENARIOS, Cell
from tests.calibration.missing_study import Found

_REPETITIONS, _QUICK_REPETITIONS = 2_000, 40
_DEFAULT = "stationary"
# Cells that the rule is made for, then cells that break an assumption of it.
_Cells = Callable[[list[str]], list[Cell]]
_MADE_FOR: dict[str, _Cells] = {
    "one age": study.cells,
    "unequal ages": study.unequal_cells,
}
_BROKEN: dict[str, _Cells] = {
    f"{nights} nights of history": lambda names, nights=nights: [
        cell for cell in study.short_cells(names) if cell.history == nights
    ]
    for nights in study.SHORT_HISTORIES
}


def measure(options: Options) -> Section:
    """Play every cell: the rule and two simpler intervals on the same data."""
    runs = _QUICK_REPETITIONS if options.quick else _REPETITIONS
    least = 100 * (0.95 - 2 * np.sqrt(0.95 * 0.05 / runs))
    figures, every = [], []
    for label, cells in _MADE_FOR.items():
        for name in SCENARIOS:
            options.say(f"missing: {name}, {label}")
            found = study.run_all(_some(cells([name]), options.quick), runs)
            figures.append(_coverage(f"{name}, {label}", found, Goal(least=least)))
            if (name, label) == (_DEFAULT, "one age"):
                figures.append(_widest(found))
            every += found
    bound = 100 * study.least_coverage(every)
    note = f"{len(every)} cells, Clopper and Pearson with Bonferroni, error .05"
    figures.append(
        Figure("coverage of all cells above together", bound, "%", None, note)
    )
    for label, found in _misfits(options, runs):
        figures.append(_coverage(label, found, None))
    return Section("missing", "While sites are silent", _text(runs), (), tuple(figures))


def _misfits(options: Options, runs: int) -> Iterable[tuple[str, list[Found]]]:
    """Cells in which the past is not like the gap, or too short."""
    asked = {name: study.cells([name], ages_=(1, 5, 20)) for name in MISFITS}
    asked |= {
        f"{name}, {label}": cells([name])
        for label, cells in _BROKEN.items() for name in SCENARIOS
    }  # fmt: skip
    asked["skewed values, 10 agents a site"] = study.skewed_cells()
    for label, cells in asked.items():
        options.say(f"missing: {label}")
        yield label, study.run_all(_some(cells, options.quick), runs)


def _some(cells: list[Cell], quick: bool) -> list[Cell]:
    return cells[:: max(len(cells) // 2, 1)] if quick else cells


def _coverage(what: str, found: list[Found], goal: Goal | None) -> Figure:
    """Lowest coverage of the cells; beside it the means, and those of simpler ones."""

    def mean(values: Iterable[float]) -> float:
        return float(np.mean(list(values)))

    own = 100 * mean(each.coverage for each in found)
    only, carried = (
        [100 * getattr(each, name).coverage for each in found]
        for name in ("arrived_only", "carried")
    )
    ratio = [each.ratio for each in found]
    return Figure(
        what,
        100 * min(each.coverage for each in found),
        "%",
        goal,
        f"{len(found)} cells, mean {own:.1f}; arrived only {min(only):.1f}, mean "
        f"{mean(only):.1f}; last value {min(carried):.1f}, mean {mean(carried):.1f}; "
        f"width {mean(ratio):.1f}, at most {max(ratio):.1f} times arrived only; "
        f"worst case {100 * min(each.worst_case.coverage for each in found):.1f}",
    )


def _widest(found: list[Found]) -> Figure:
    widest = max(found, key=lambda each: each.ratio)
    cell = widest.cell
    return Figure(
        f"{_DEFAULT}: widest beside arrived only",
        widest.ratio,
        "x",
        Goal(most=5.0),
        f"{cell.sites} sites, {cell.age} nights, {cell.silent:.0%} missing",
    )


def _text(runs: int) -> str:
    sites = ", ".join(map(str, study.SITES))
    nights = ", ".join(map(str, study.AGES))
    shares = ", ".join(f"{100 * share:g}" for share in study.SILENT)
    return (
        f"Lowest coverage of the nominal 95 % interval over cells of {sites} sites x "
        f"{nights} nights of silence x {shares} % missing; {runs:,} repetitions a "
        f"cell, {HISTORY} nights of history, variance between agents estimated. A cell "
        "falls short below .95 less two standard errors. Beside it, on the same data: "
        "the mean of arrived sites, and silent sites at their last value, both with "
        "the interval of an agent-level mean. Below the line of all cells together "
        "the rule's assumptions do not hold."
    )
