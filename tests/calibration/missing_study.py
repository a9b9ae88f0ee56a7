"""How often intervals over silent sites hold the truth: the rule, and simpler ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.missing_data import MissingDataInterval, missing_data_interval
from tests.calibration.missing_populations import (
    MASSES,
    MISFITS,
    SCENARIOS,
    Cell,
    ages,
    noise,
)

Floats = NDArray[np.float64]
Rule = Callable[..., MissingDataInterval]

AGES = (1, 2, 5, 10, 20, 30)
SILENT = (0.1, 0.3, 0.6)
SITES = (3, 8, 20)
SHORT_HISTORIES = (14, 30)
# Declared range of the feature: no walk of these populations comes near its ends.
RANGE = (-20.0, 20.0)


@dataclass(frozen=True)
class Way:
    """How often an interval held the truth, and how wide it was on average."""

    coverage: float
    width: float


@dataclass(frozen=True)
class Found:
    """What a cell showed, means over repetitions.

    `arrived_only` takes arrived sites for all; `carried` takes the last values of
    silent ones as tonight's.  Both know the noise of agents and nothing else.
    """

    cell: Cell
    repetitions: int
    rule: Way
    worst_case: Way
    arrived_only: Way
    carried: Way
    bias: float
    bias_error: float

    @property
    def coverage(self) -> float:
        """Of the rule."""
        return self.rule.coverage

    @property
    def ratio(self) -> float:
        """Width relative to the agent-level interval over arrived sites."""
        return self.rule.width / self.arrived_only.width

    @property
    def short_by(self) -> float:
        """Standard errors by which the coverage lies below .95; negative if above."""
        return float((0.95 - self.coverage) / np.sqrt(0.95 * 0.05 / self.repetitions))


def least_coverage(found: Sequence[Found], error: float = 0.05) -> float:
    """Lower bound that the coverages of all cells together exceed.

    Clopper and Pearson's bound of the cell that did worst, its error probability
    divided by the number of cells (Bonferroni).
    """
    worst = min(found, key=lambda each: each.coverage)
    held = round(worst.coverage * worst.repetitions)
    if not held:
        return 0.0
    each = error / len(found)
    return float(special.betaincinv(held, worst.repetitions - held + 1, each))


def cells(
    scenarios: Iterable[str] = SCENARIOS,
    *,
    sites: Iterable[int] = SITES,
    ages_: Iterable[int] = AGES,
    silent: Iterable[float] = SILENT,
) -> list[Cell]:
    """All combinations with one age for all silent sites."""
    return [
        Cell(name, s, h, share)
        for name in scenarios for s in sites for h in ages_ for share in silent
    ]  # fmt: skip


def unequal_cells(scenarios: Iterable[str] = SCENARIOS) -> list[Cell]:
    """All combinations with silent sites of different ages."""
    return [
        replace(cell, unequal=True)
        for cell in cells(scenarios, ages_=AGES[1:], silent=(0.3, 0.6))
        if cell.sites > 3 or cell.silent == 0.3
    ]


def short_cells(scenarios: Iterable[str] = SCENARIOS) -> list[Cell]:
    """Few nights of history, of which the gap takes a good part."""
    return [
        replace(cell, history=nights)
        for nights in SHORT_HISTORIES
        for cell in cells(scenarios, ages_=(1, 2, 5, 10))
    ]


def skewed_cells() -> list[Cell]:
    """Means of ten exponential values: skewed by 0.6, with a variance of their own."""
    names = ("stationary", "walks")
    return [replace(c, agents=10, skewed=True) for c in cells(names, ages_=(1, 5, 20))]


def run(
    cell: Cell,
    rng: np.random.Generator,
    repetitions: int,
    rule: Rule = missing_data_interval,
    block: int = 100,
) -> Found:
    """Draw a population as often as asked and count how often the truth is inside."""
    parts = [
        _once(cell, rng, min(block, repetitions - start), rule)
        for start in range(0, repetitions, block)
    ]
    ways = {
        name: Way(
            float(np.mean(np.concatenate([held[name][0] for held, _ in parts]))),
            float(np.mean(np.concatenate([held[name][1] for held, _ in parts]))),
        )
        for name in parts[0][0]
    }
    miss = np.concatenate([part for _, part in parts])
    error = float(miss.std(ddof=1) / np.sqrt(repetitions))
    return Found(cell, repetitions, **ways, bias=float(miss.mean()), bias_error=error)


def run_all(
    asked: Sequence[Cell], repetitions: int, seed: int = 20261126
) -> list[Found]:
    """Run cells, each with a stream of its own."""
    return [
        run(cell, np.random.default_rng([seed, number]), repetitions)
        for number, cell in enumerate(asked)
    ]


def _once(
    cell: Cell, rng: np.random.Generator, d: int, rule: Rule
) -> tuple[Mapping[str, tuple[NDArray[np.bool_], Floats]], Floats]:
    """Whether each interval holds the truth, its width, and how far off the rule is."""
    truth = (SCENARIOS | MISFITS)[cell.scenario](rng, cell, d)
    mass, age = MASSES[cell.sites], ages(cell)
    agents = np.maximum(2, np.rint(mass * cell.sites * cell.agents)).astype(int)
    seen = truth + noise(rng, cell, agents[:, None, None], truth.shape)
    spare = int((agents - 1).sum())
    sigma2 = rng.chisquare(spare, d) / spare
    history = seen[:, :-1].copy()
    last = seen[:, -1].copy()
    for s in np.flatnonzero(age):
        history[s, cell.history - age[s] + 1 :] = np.nan
        last[s] = history[s, cell.history - age[s]]
    found = rule(history, seen[:, -1], mass, agents, sigma2, age, valid_range=RANGE)
    target = mass @ truth[:, -1]
    here = np.where(age == 0, mass, 0.0) / mass[age == 0].sum()

    def held(lower: Floats, upper: Floats) -> tuple[NDArray[np.bool_], Floats]:
        return (lower <= target) & (target <= upper), upper - lower

    def agent_level(weight: Floats) -> tuple[NDArray[np.bool_], Floats]:
        centre = weight @ last
        half = special.ndtri(0.975) * np.sqrt((weight**2 / agents).sum() * sigma2)
        return held(centre - half, centre + half)

    ways = {
        "rule": held(found.lower, found.upper),
        "worst_case": held(found.worst_lower, found.worst_upper),
        "arrived_only": agent_level(here),
        "carried": agent_level(mass),
    }
    return ways, found.estimate - target
