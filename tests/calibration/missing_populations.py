"""Populations of sites that go silent: who is missing, since when, how sites move.

Repetitions are the features of one call: they share sites, ages and masses, and nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HISTORY = 90
JUMP = 0.5

# Masses such that the first 1, 2, 4 of eight sites hold 10, 30, 60 %; of three sites a
# single one does.
MASSES = {
    3: np.array([0.1, 0.3, 0.6]),
    8: np.array([0.1, 0.2, 0.15, 0.15, 0.1, 0.1, 0.1, 0.1]),
    20: np.full(20, 0.05),
    40: np.full(40, 0.025),
}
_FIRST = {
    8: {0.1: 1, 0.3: 2, 0.6: 4},
    20: {0.1: 2, 0.3: 6, 0.6: 12},
    40: {0.1: 4, 0.3: 12, 0.6: 24},
}


@dataclass(frozen=True)
class Cell:
    """One combination: who is silent, for how long, in which population."""

    scenario: str
    sites: int
    age: int
    silent: float
    unequal: bool = False
    history: int = HISTORY
    agents: int = 100
    skewed: bool = False


def silent_sites(cell: Cell) -> NDArray[np.bool_]:
    """Which sites are silent; unequal ages need two, so three sites lose 40 %."""
    chosen = np.zeros(cell.sites, np.bool_)
    if cell.sites == 3:
        chosen[[0, 1] if cell.unequal else [(0.1, 0.3, 0.6).index(cell.silent)]] = True
    else:
        chosen[: _FIRST[cell.sites][cell.silent]] = True
    return chosen


def ages(cell: Cell) -> NDArray[np.int64]:
    """Nights of silence, 0 for arrived sites; unequal ones run from 1 to the oldest."""
    silent = silent_sites(cell)
    out = np.zeros(cell.sites, np.int64)
    steps = np.arange(1, silent.sum() + 1) / silent.sum() if cell.unequal else 1.0
    out[silent] = np.maximum(1, np.rint(cell.age * steps))
    return out


def regions(sites: int) -> NDArray[np.int64]:
    """Region of a site: alone, in pairs, or in fours."""
    return np.arange(sites) // {3: 1, 8: 2, 20: 2, 40: 4}[sites]


def noise(
    rng: np.random.Generator,
    cell: Cell,
    agents: NDArray[np.int64],
    shape: tuple[int, ...],
) -> Floats:
    """What sampling adds to a site mean: that of values with variance 1."""
    if cell.skewed:
        return rng.standard_gamma(agents, shape) / agents - 1.0
    return rng.normal(size=shape) / np.sqrt(agents)


Make = Callable[[np.random.Generator, Cell, int], Floats]


def _walk(rng: np.random.Generator, shape: tuple[int, ...], step: float) -> Floats:
    return np.cumsum(rng.normal(0.0, step, shape), axis=1)


def _autoregressive(
    rng: np.random.Generator, shape: tuple[int, ...], sd: float, memory: float = 0.8
) -> Floats:
    out = rng.normal(0.0, sd, shape)
    fresh = np.sqrt(1.0 - memory**2)
    for t in range(1, shape[1]):
        out[:, t] = memory * out[:, t - 1] + fresh * out[:, t]
    return out


def _shape(cell: Cell, d: int) -> tuple[int, int, int]:
    return cell.sites, cell.history + 1, d


def _levels(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    return rng.normal(0.0, 1.0, (cell.sites, 1, d))


def stationary(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """Sites about their own levels, and a movement they share."""
    shared = _autoregressive(rng, (1, *_shape(cell, d)[1:]), 0.2)
    return _levels(rng, cell, d) + shared + _autoregressive(rng, _shape(cell, d), 0.2)


def walks(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """Every site walks by itself."""
    return _levels(rng, cell, d) + _walk(rng, _shape(cell, d), 0.05)


def common_walk(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """All walk together, and each a little by itself."""
    shared = _walk(rng, (1, *_shape(cell, d)[1:]), 0.1)
    return walks(rng, cell, d) + shared


def regional(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """Regions walk; whole regions are silent."""
    own = regions(cell.sites)
    shared = _walk(rng, (int(own.max()) + 1, *_shape(cell, d)[1:]), 0.08)
    return _levels(rng, cell, d) + shared[own] + _walk(rng, _shape(cell, d), 0.02)


def trends(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """Every site has a slope of its own."""
    slope = rng.normal(0.0, 0.02, (cell.sites, 1, d))
    steady = slope * np.arange(cell.history + 1.0)[:, None]
    return stationary(rng, cell, d) + steady


def highest(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """The sites with the highest levels are the silent ones."""
    moved = _walk(rng, _shape(cell, d), 0.05) + _autoregressive(
        rng, _shape(cell, d), 0.1
    )
    levels = _levels(rng, cell, d)
    return _placed(levels, cell, levels[:, 0]) + moved


def _placed(values: Floats, cell: Cell, by: Floats) -> Floats:
    """Put the sites with the highest `by` where the silent ones are."""
    order = np.argsort(-by, axis=0)
    silent = silent_sites(cell)
    places = np.concatenate([np.flatnonzero(silent), np.flatnonzero(~silent)])
    out = np.empty_like(values)
    out[places] = np.take_along_axis(values, order[:, None], axis=0)
    return out


def weekly(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """Site-specific weekly cycles on walks."""
    phase = rng.uniform(0.0, 2 * np.pi, (cell.sites, 1, d))
    size = rng.uniform(0.0, 0.3, (cell.sites, 1, d))
    time = 2 * np.pi / 7 * np.arange(cell.history + 1.0)[:, None]
    return walks(rng, cell, d) + size * np.sin(time + phase)


def heavy_steps(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """Walks whose steps have Student's t with 3 degrees of freedom."""
    steps = rng.standard_t(3, _shape(cell, d)) * 0.05 / np.sqrt(3)
    return _levels(rng, cell, d) + np.cumsum(steps, axis=1)


def skewed_steps(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """Walks whose steps are exponential less their mean: rare large rises."""
    steps = (rng.exponential(1.0, _shape(cell, d)) - 1.0) * 0.05
    return _levels(rng, cell, d) + np.cumsum(steps, axis=1)


def chosen_by_value(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """Sites go silent because their last value was high, and fall back unseen."""
    values = walks(rng, cell, d) + _autoregressive(rng, _shape(cell, d), 0.1)
    return _placed(values, cell, values[:, cell.history - cell.age])


def jump(rng: np.random.Generator, cell: Cell, d: int) -> Floats:
    """Tonight something new happened at the silent sites alone."""
    values = walks(rng, cell, d)
    values[silent_sites(cell), -1] += JUMP
    return values


SCENARIOS: dict[str, Make] = {
    "stationary": stationary,
    "walks": walks,
    "common walk": common_walk,
    "regions silent": regional,
    "trends": trends,
    "highest silent": highest,
}
MISFITS: dict[str, Make] = {
    "weekly cycle": weekly,
    "t3 steps": heavy_steps,
    "skewed steps": skewed_steps,
    "silent when high": chosen_by_value,
    "jump at silent sites": jump,
}
