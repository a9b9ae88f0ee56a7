"""What is injected into a simulated population, and exactly where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from stats.simulate_params import PopulationParams
from stats.streams import ANOMALIES, stream
from stats.summary import InvalidInput

__all__ = ["KINDS", "Anomaly", "Injection", "changes"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Kind = Literal[
    "mean shift",
    "variance inflation",
    "correlation break",
    "slow drift",
    "collusion",
    "silence",
    "constant feature moves",
    "weak direction",
    "storm",
]
KINDS: tuple[str, ...] = get_args(Kind)

# Blocks of one anomaly's stream; the last one draws what all its agents share.
_BLOCKS = 2**20


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One injection.

    Attributes
    ----------
    kind : str
        One of KINDS.
    start, nights : int, int or None
        First night, and how many; None to the end.
    size : float
        mean shift, slow drift (a night), constant feature moves, storm: in units of
        the noise sd.  variance inflation: factor of the variance.  collusion: the
        correlation of the noise of any two colluding agents, in [0, 1).  weak
        direction: in sd along the weakest eigenvector of the noise.  Not used by
        correlation break and silence.
    agents : tuple of int
        Who; empty to draw a share.
    share : float
        Each agent is chosen with this probability when `agents` is empty.
    features : tuple of int
        Which features a shift, drift or storm moves; empty for all.
    site : int
        Whose agents a storm moves.

    Raises
    ------
    InvalidInput
        For an unknown kind or values outside these ranges.
    """

    kind: Kind
    start: int = 0
    nights: int | None = None
    size: float = 3.0
    agents: tuple[int, ...] = ()
    share: float = 0.01
    features: tuple[int, ...] = ()
    site: int = 0

    def __post_init__(self) -> None:
        good = (
            self.kind in KINDS
            and self.start >= 0
            and (self.nights is None or self.nights >= 1)
            and 0 <= self.share <= 1
            and (self.kind != "collusion" or 0 <= self.size < 1)
            and (self.kind != "variance inflation" or self.size >= 0)
        )
        if not good:
            raise InvalidInput(
                f"Anomaly: {self} cannot be injected. Kinds: {', '.join(KINDS)}; "
                "start >= 0, nights >= 1, share in [0, 1], collusion size in [0, 1), "
                "variance factor >= 0."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Injection:
    """Everything injected into one block.

    Attributes
    ----------
    added : float64 array, shape (a, T, p)
    silent : bool array, shape (a, T)
    kind : uint8 array, shape (a, T)
    """

    added: Floats
    silent: Bools
    kind: NDArray[np.uint8]


def changes(
    anomalies: tuple[Anomaly, ...],
    params: PopulationParams,
    block: int,
    agents: NDArray[np.int64],
    site: NDArray[np.int64],
    noise: Floats,
) -> Injection:
    """Return what the anomalies change in a block.

    Parameters
    ----------
    anomalies : tuple of Anomaly
    params : PopulationParams
    block : int
    agents, site : int64 arrays, shape (a,)
        Numbers and sites of the block's agents.
    noise : float64 array, shape (a, T, p)
        Noise before any injection.
    """
    added = np.zeros(noise.shape)
    silent = np.zeros(noise.shape[:2], dtype=bool)
    kind = np.zeros(noise.shape[:2], dtype=np.uint8)
    for number, anomaly in enumerate(anomalies):
        rng = stream(params.seed, ANOMALIES, number * _BLOCKS + block)
        drawn = rng.random(len(agents)) < anomaly.share
        chosen = np.isin(agents, anomaly.agents) if anomaly.agents else drawn
        if anomaly.kind == "storm":
            chosen = site == anomaly.site
        end = anomaly.start + (anomaly.nights or params.nights)
        nights = np.arange(params.nights)
        cells = chosen[:, None] & ((nights >= anomaly.start) & (nights < end))
        if anomaly.kind == "silence":
            silent |= cells
        else:
            moved = _moved(anomaly, params, number, noise, rng)
            added += np.where(cells[..., None], moved, 0.0)
        if anomaly.kind != "storm":
            kind[cells] = KINDS.index(anomaly.kind) + 1
    return Injection(added, silent, kind)


def _moved(
    anomaly: Anomaly,
    params: PopulationParams,
    number: int,
    noise: Floats,
    rng: np.random.Generator,
) -> Floats:
    """What is added to a cell, (a, T, p); a constant feature gets no noise."""
    varies = np.ones(params.features)
    varies[list(params.constant)] = 0.0
    match anomaly.kind:
        case "variance inflation":
            added = varies * (math.sqrt(anomaly.size) - 1.0) * noise
        case "correlation break":
            added = varies * (_independent(params, noise.shape, rng) - noise)
        case "collusion":
            common = _common(params, number)
            own = math.sqrt(1.0 - anomaly.size) - 1.0
            added = varies * (own * noise + math.sqrt(anomaly.size) * common)
        case "slow drift":
            steps = np.arange(params.nights) - anomaly.start
            added = steps[:, None] * _push(anomaly.size, anomaly.features, params)
        case "weak direction":
            added = _weakest(anomaly.size, params)
        case "constant feature moves":
            added = (1.0 - varies) * anomaly.size * params.noise_sd
        case _:
            added = _push(anomaly.size, anomaly.features, params)
    return np.broadcast_to(added, noise.shape)


def _common(params: PopulationParams, number: int) -> Floats:
    """What all colluding agents share, (T, p), the same in every block."""
    shared = stream(params.seed, ANOMALIES, (number + 1) * _BLOCKS - 1)
    z = shared.standard_normal((params.nights, params.features))
    common: Floats = z @ np.linalg.cholesky(params.noise_correlation).T
    return params.noise_sd * common


def _push(size: float, features: tuple[int, ...], params: PopulationParams) -> Floats:
    out = np.zeros(params.features)
    out[list(features) if features else slice(None)] = size * params.noise_sd
    return out


def _weakest(size: float, params: PopulationParams) -> Floats:
    """`size` sd along the contrast of two features, the weakest direction if r > 0."""
    out = np.zeros(params.features)
    step = size * params.noise_sd * math.sqrt(1.0 - params.correlation)
    out[:2] = step / math.sqrt(2.0), -step / math.sqrt(2.0)
    return out


def _independent(
    params: PopulationParams, shape: tuple[int, ...], rng: np.random.Generator
) -> Floats:
    """Noise with the same law per feature and no correlation between them."""
    z = rng.standard_normal(shape)
    if math.isfinite(params.tail):
        z *= np.sqrt((params.tail - 2.0) / rng.chisquare(params.tail, shape))
    return params.noise_sd * z
