"""What counting in relative bins costs per value, and what a state weighs per cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stats.quantiles import GroupQuantiles
from tests.bench.options import Options
from tests.bench.results import Comparison, Figure, Goal, Section
from tests.bench.timing import interleaved

Block = NDArray[np.float32]
_AGENTS, _FEATURES, _TIMES, _PER_TEAM = 2_000, 16, 64, 100
_SEED = 20130308


def measure(options: Options) -> Section:
    """Time one block of teams in every layout, and weigh the states of all blocks."""
    blocks = 2 if options.quick else 100
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    for name in KINDS:
        options.say(f"quantiles: {name}")
        comparisons += _times(name, options.rounds)
        figures += _weights(name, blocks)
    rows = _TIMES * _PER_TEAM
    return Section(
        "quantiles",
        "Quantiles",
        f"Blocks of {_AGENTS:,} agents x {_TIMES} steps x {_FEATURES} features of "
        f"float32, 1 % NaN, {_PER_TEAM} agents a team, relative error 0.5 %, one "
        "thread, beside `np.sum` of the same block. Bytes per group and feature over "
        f"{blocks} blocks ({rows:,} rows a team): the state, one 8-byte key and count "
        "per bin, and 8-byte counts over the window of bins from smallest to largest.",
        tuple(comparisons),
        tuple(figures),
    )


def _scaled(z: Block) -> Block:
    """Return the scales and offsets of the benchmark's population."""
    rng = np.random.default_rng(_SEED)
    scale = 10 ** rng.uniform(-1, 3, (_FEATURES, 1))
    return ((z + rng.uniform(-2, 20, (_FEATURES, 1))) * scale).astype(np.float32)


KINDS: dict[str, Callable[[Block], Block]] = {
    "population": _scaled,
    "normal, mean 0": np.copy,
    "lognormal, sigma 3": lambda z: np.exp(3 * z),
}


def _block(name: str, seed: int) -> Block:
    """Return values in physical order (agent, feature, time)."""
    rng = np.random.default_rng([_SEED, seed])
    shape = (_AGENTS, _FEATURES, _TIMES)
    x = KINDS[name](rng.standard_normal(shape, dtype=np.float32))
    x[rng.random(shape) < 0.01] = np.nan
    return x


def _times(name: str, rounds: int) -> list[Comparison]:
    x = _block(name, 0)
    values = x.transpose(0, 2, 1)
    ordered = np.ascontiguousarray(values)
    teams, agents = np.arange(_AGENTS) // _PER_TEAM, np.arange(_AGENTS)
    layouts = {
        "time contiguous": (values, teams),
        "time contiguous, float64": (values.astype(np.float64, order="K"), teams),
        "feature contiguous": (ordered, teams),
        "rows in random order": (
            ordered.reshape(-1, _FEATURES),
            np.random.default_rng(_SEED).permutation(np.repeat(teams, _TIMES)),
        ),
        "every agent a group": (values, agents),
    }
    found = []
    for layout, (block, groups) in layouts.items():
        n_groups = int(groups.max()) + 1
        seconds = interleaved(
            {
                "ours": lambda b=block, g=groups, n=n_groups: GroupQuantiles.from_block(
                    b, g, n
                ),
                "sum": lambda b=block: b.sum(),
            },
            rounds,
        )
        found.append(
            Comparison(
                f"count {name}, {layout}",
                "ours",
                "np.sum",
                seconds["ours"],
                seconds["sum"],
                units=x.size,
                unit="value",
            )
        )
    return found


def _weights(name: str, blocks: int) -> list[Figure]:
    found = []
    for level, per_group in (("teams", _PER_TEAM), ("agents", 1)):
        cells, bins, window, worst = 0, 0, 0, 0.0
        for seed in range(blocks if per_group > 1 else 1):
            groups = np.arange(_AGENTS) // per_group
            values = _block(name, seed).transpose(0, 2, 1)
            state = GroupQuantiles.from_block(values, groups, _AGENTS)
            cells += len(state.cells)
            bins += len(state.bins)
            window += _window(state)
            worst = max(worst, state.quantile_error)
        where = f"{name}, {level}"
        figures = {
            "bins": bins,
            "state": 12 * bins + 16 * cells,
            "keys": 16 * bins,
            "window": 8 * window,
        }
        found += [
            Figure(what, total / cells, "per cell", note=where)
            for what, total in figures.items()
        ]
        found.append(Figure("guaranteed error", worst, "", Goal(most=0.005), where))
    return found


def _window(state: GroupQuantiles) -> int:
    """Bins between the smallest and the largest of either sign, over all cells."""
    cell = np.repeat(np.arange(len(state.cells)), np.diff(state.starts))
    total = 0
    for side in (1, -1):
        kept = side * state.bins > 0
        place = np.abs(state.bins[kept].astype(np.int64))
        first = np.flatnonzero(np.diff(cell[kept], prepend=-1))
        if len(first):
            low = np.minimum.reduceat(place, first)
            total += int((np.maximum.reduceat(place, first) - low + 1).sum())
    return total
