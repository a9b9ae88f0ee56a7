"""Simulated agents beside their teams, as the nightly run hands them to the tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stats.simulate import Population


@dataclass(frozen=True)
class Residuals:
    """Agents less their team's mean of the night, over √(1 - 1/n), and the truth."""

    residual: np.ndarray
    present: np.ndarray
    team: np.ndarray
    kind: np.ndarray
    values: np.ndarray

    @property
    def args(self):
        return self.residual, self.present, self.team


def residuals(population: Population) -> Residuals:
    """All agents of a population; teams with fewer than 3 that night are missing."""
    blocks = [population.block(i) for i in range(population.blocks)]
    values = np.concatenate([block.values for block in blocks])
    team = np.concatenate([block.team for block in blocks])
    teams, starts = np.unique(team, return_index=True)
    group = np.searchsorted(teams, team)
    n = np.add.reduceat(np.isfinite(values), starts, axis=0, dtype=np.float64)
    total = np.add.reduceat(np.nan_to_num(values), starts, axis=0)
    mean = np.where(n >= 3, total / np.maximum(n, 1), np.nan)
    spread = np.sqrt(1 - 1 / np.maximum(n, 3))
    return Residuals(
        residual=(values - mean[group]) / spread[group],
        present=np.concatenate([block.present for block in blocks]),
        team=group,
        kind=np.concatenate([block.truth.kind for block in blocks]),
        values=values,
    )
