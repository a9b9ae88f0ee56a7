"""What a simulated population is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.summary import InvalidInput

__all__ = ["PopulationParams"]


@dataclass(frozen=True, slots=True)
class PopulationParams:
    """What a population is made of; standard deviations in units of the noise.

    Attributes
    ----------
    agents, nights, features, sites, teams_per_site, block_agents, seed : int
    mean : float
    site_sd, team_sd, agent_sd : float
        Fixed effects of site, team and agent.
    shock_sd : float
        What moves a whole team on one night.
    season : float
        Amplitude of the weekly cosine.
    memory, memory_sd : float
        Coefficient in (-1, 1) and stationary sd of each agent's AR(1) part.
    noise_sd, correlation, tail : float
        Noise: equal correlation of all features, and degrees of freedom (> 2) of the
        multivariate t; infinity is the normal case.
    absent, missing : float
        Share of agent-nights without any row, and of values missing at random.
    rows, rows_spread : float
        Median rows of an agent a night, and sd of its logarithm over agents.
    constant : tuple of int
        Features that never vary.

    Raises
    ------
    InvalidInput
        When a value makes no population.
    """

    agents: int = 1_000
    nights: int = 28
    features: int = 8
    sites: int = 20
    teams_per_site: int = 50
    block_agents: int = 65_536
    seed: int = 0
    mean: float = 0.0
    site_sd: float = 0.3
    team_sd: float = 0.3
    agent_sd: float = 0.5
    shock_sd: float = 0.2
    season: float = 0.5
    memory: float = 0.6
    memory_sd: float = 0.4
    noise_sd: float = 1.0
    correlation: float = 0.4
    tail: float = 8.0
    absent: float = 0.05
    missing: float = 0.01
    rows: float = 10.0
    rows_spread: float = 0.5
    constant: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        sizes = (
            self.agents, self.nights, self.features, self.sites,
            self.teams_per_site, self.block_agents,
        )  # fmt: skip
        lowest = -1.0 / (self.features - 1) if self.features > 1 else -1.0
        good = (
            min(sizes) >= 1
            and lowest < self.correlation < 1
            and abs(self.memory) < 1
            and self.tail > 2
            and 0 <= self.absent < 1
            and 0 <= self.missing < 1
            and all(0 <= k < self.features for k in self.constant)
        )
        if not good:
            raise InvalidInput(
                f"PopulationParams: {self} makes no population. Sizes are at least 1, "
                f"correlation in ({lowest:.3f}, 1), memory in (-1, 1), tail above 2, "
                "shares in [0, 1), constant features within the features."
            )

    @property
    def teams(self) -> int:
        """Teams over all sites."""
        return self.sites * self.teams_per_site

    @property
    def noise_correlation(self) -> NDArray[np.float64]:
        """R = (1 - r) I + r 11ᵀ, shape (p, p)."""
        p, r = self.features, self.correlation
        return (1.0 - r) * np.eye(p) + r * np.ones((p, p))
