"""A seeded population with known truth: every block regenerates alone, in any order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stats.simulate_anomalies import KINDS, Anomaly, Injection, changes
from stats.simulate_params import PopulationParams
from stats.streams import AGENTS, SHOCKS, SITES, TEAMS, stream
from stats.summary import InvalidInput

__all__ = ["KINDS", "Anomaly", "Block", "Population", "PopulationParams", "Truth"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Realised parts of a block; condition on these, not on their distributions.

    With 20 sites the realised variance of their effects is off by 32 % (one sd).

    Attributes
    ----------
    site : float64 array, shape (sites, p)
    team : float64 array, shape (teams, p)
    agent : float64 array, shape (a, p)
    season : float64 array, shape (T, p)
    shock, memory, noise : float64 arrays, shape (a, T, p)
    kind : uint8 array, shape (a, T)
        Which anomaly changed the cell, as a position in KINDS plus 1; 0 for none.
        A storm is no anomaly of an agent and is not marked.
    """

    site: Floats
    team: Floats
    agent: Floats
    season: Floats
    shock: Floats
    memory: Floats
    noise: Floats
    kind: NDArray[np.uint8]

    @property
    def anomalous(self) -> Bools:
        """Whether anything was injected, shape (a, T)."""
        return self.kind > 0


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block of agents over all nights.

    Attributes
    ----------
    agents : int64 array, shape (a,)
        Numbers of the agents.
    team, site : int64 arrays, shape (a,)
    values : float64 array, shape (a, T, p)
        NaN is missing or absent.
    present : bool array, shape (a, T)
    rows : int64 array, shape (a, T)
        Rows behind each cell; 0 where absent.
    truth : Truth
    """

    agents: NDArray[np.int64]
    team: NDArray[np.int64]
    site: NDArray[np.int64]
    values: Floats
    present: Bools
    rows: NDArray[np.int64]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Population:
    """All agents of a population; nothing is kept, blocks are generated when asked.

    Attributes
    ----------
    params : PopulationParams
    anomalies : tuple of Anomaly
        Applied in this order.

    Notes
    -----
    x = mean + site + team + agent + season + shock + memory + noise.  Every part has
    its own counter-based stream, and anomalies are added from theirs: populations with
    and without them differ in the injected cells only.  numpy may change what its
    distributions draw: compare with closed forms or `Truth`, never with stored draws.

    Examples
    --------
    >>> population = Population(PopulationParams(agents=100, nights=7))
    >>> population.night_block(3, 0).shape
    (100, 8)
    """

    params: PopulationParams = field(default_factory=PopulationParams)
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return math.ceil(self.params.agents / self.params.block_agents)

    def team_of(self, agents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Team of each agent: agents are sorted by team, teams as equal as possible."""
        found: NDArray[np.int64] = agents * self.params.teams // self.params.agents
        return found

    def night_block(self, night: int, block: int) -> Floats:
        """Values of one block on one night, shape (a, p)."""
        values: Floats = self.block(block).values[:, night]
        return values

    def block(self, block: int) -> Block:
        """Generate a block of agents over all nights.

        Parameters
        ----------
        block : int
            In [0, blocks).

        Raises
        ------
        InvalidInput
            When there is no such block.
        """
        q = self.params
        if not 0 <= block < self.blocks:
            raise InvalidInput(
                f"Population.block: block {block} of {self.blocks}. "
                f"Give one in [0, {self.blocks})."
            )
        start = block * q.block_agents
        agents = np.arange(start, min(start + q.block_agents, q.agents))
        rng = stream(q.seed, AGENTS, block)
        shape = len(agents), q.nights, q.features
        agent = q.agent_sd * rng.standard_normal((len(agents), q.features))
        memory = _memory(q, rng.standard_normal(shape))
        noise = rng.standard_normal(shape) @ np.linalg.cholesky(q.noise_correlation).T
        present = rng.random(shape[:2]) >= q.absent
        observed = rng.random(shape) >= q.missing
        rate = q.rows * np.exp(q.rows_spread * rng.standard_normal(len(agents)))
        rows = rng.poisson(np.broadcast_to(rate[:, None], shape[:2]))
        if math.isfinite(q.tail):
            weight = rng.chisquare(q.tail, shape[:2])
            noise *= np.sqrt((q.tail - 2.0) / weight)[..., None]
        noise *= q.noise_sd
        team = self.team_of(agents)
        change = changes(
            self.anomalies, q, block, agents, team // q.teams_per_site, noise
        )
        truth = Truth(
            site=q.site_sd * _normal(q.seed, SITES, (q.sites, q.features)),
            team=q.team_sd * _normal(q.seed, TEAMS, (q.teams, q.features)),
            agent=agent,
            season=_season(q),
            shock=self._shocks(team),
            memory=memory,
            noise=noise,
            kind=change.kind,
        )
        return self._assemble(agents, team, truth, change, present, observed, rows)

    def _assemble(
        self,
        agents: NDArray[np.int64],
        team: NDArray[np.int64],
        truth: Truth,
        change: Injection,
        present: Bools,
        observed: Bools,
        rows: NDArray[np.int64],
    ) -> Block:
        q = self.params
        site = team // q.teams_per_site
        fixed = q.mean + truth.site[site] + truth.team[team] + truth.agent
        values = (
            fixed[:, None] + truth.season + truth.shock + truth.memory + truth.noise
        )
        values[..., list(q.constant)] = q.mean
        values += change.added
        here = present & ~change.silent
        values[~(observed & here[..., None])] = np.nan
        counted = np.where(here, np.maximum(rows, 1), 0)
        return Block(agents, team, site, values, here, counted, truth)

    def _shocks(self, team: NDArray[np.int64]) -> Floats:
        """One stream a team, so that it is the same in every block."""
        q = self.params
        used, where = np.unique(team, return_inverse=True)
        shape = q.nights, q.features
        drawn = [stream(q.seed, SHOCKS, int(g)).standard_normal(shape) for g in used]
        shocks: Floats = q.shock_sd * np.stack(drawn)[where.reshape(-1)]
        return shocks


def _memory(q: PopulationParams, z: Floats) -> Floats:
    """AR(1) along nights, started in its stationary law."""
    out = np.empty_like(z)
    out[:, 0] = z[:, 0]
    fresh = math.sqrt(1.0 - q.memory**2)
    for t in range(1, q.nights):
        out[:, t] = q.memory * out[:, t - 1] + fresh * z[:, t]
    out *= q.memory_sd
    return out


def _season(q: PopulationParams) -> Floats:
    """Weekly cosine with another phase for every feature; mean 0 over whole weeks."""
    phase = 2.0 * np.pi * np.arange(q.features) / q.features
    week = 2.0 * np.pi * np.arange(q.nights)[:, None] / 7.0
    found: Floats = q.season * np.cos(week + phase)
    return found


def _normal(seed: int, which: int, shape: tuple[int, int]) -> Floats:
    return stream(seed, which, 0).standard_normal(shape)
