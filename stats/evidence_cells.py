"""Squares of evidence between and within the clusters of an agent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.evidence_sums import EvidenceSums
from stats.summary import InvalidInput

__all__ = [
    "BETWEEN",
    "DOF_BETWEEN",
    "DOF_WITHIN",
    "PRODUCTS",
    "ROWS",
    "SQUARED",
    "TERMS",
    "WITHIN",
    "WORTH",
    "agent_terms",
    "cells_of_agents",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Fourth powers of ratios are added up: beyond this they would overflow.
_LARGEST = 1e60
# Terms of an agent: squares between and within its clusters, degrees of freedom of
# both, rows, squared sizes of clusters, and the rows that a cluster is worth.
BETWEEN, WITHIN, DOF_BETWEEN, DOF_WITHIN, ROWS, SQUARED, WORTH = range(7)
PRODUCTS = np.triu_indices(4)
TERMS = 7 + len(PRODUCTS[0]) + 1


def cells_of_agents(
    log_ratio: ArrayLike, agents: ArrayLike, clusters: ArrayLike
) -> tuple[Floats, Ints, Ints]:
    """Ratios, agent of every cell, and cell of every row; a cell is agent x cluster."""
    x = np.asarray(log_ratio, np.float64)
    agent, cluster = np.asarray(agents), np.asarray(clusters)
    agent, cluster = (v.astype(np.int64) if not v.size else v for v in (agent, cluster))
    fit = x.ndim == 1 and x.shape == agent.shape == cluster.shape
    fit = fit and agent.dtype.kind in "iu" and cluster.dtype.kind in "iu"
    if not fit or not (np.abs(x) <= _LARGEST).all():
        bad = int((~(np.abs(x) <= _LARGEST)).sum())
        raise InvalidInput(
            f"EvidenceSpread: ratios {x.shape}, {bad} not finite or above {_LARGEST:g} "
            f"in size; agents {agent.shape} of {agent.dtype}, clusters {cluster.shape} "
            f"of {cluster.dtype}. Give one finite ratio and whole numbers per row."
        )
    who, agent = np.unique(agent, return_inverse=True)
    what, cluster = np.unique(cluster, return_inverse=True)
    if len(who) * len(what) <= max(8 * len(x), 1024):
        key = agent * len(what) + cluster
        used = np.zeros(len(who) * len(what), dtype=np.bool_)
        used[key] = True
        cells = np.flatnonzero(used)
        place = np.cumsum(used) - 1
        return x, cells // len(what), place[key]
    cells, cell = np.unique(agent * len(what) + cluster, return_inverse=True)
    return x, cells // len(what), cell


def agent_terms(x: Floats, agent: Ints, cell: Ints) -> Floats:
    """Terms of every agent that has two clusters, shape (agents, 18)."""
    cells, agents = len(agent), int(agent.max(initial=-1)) + 1
    size = np.bincount(cell, minlength=cells).astype(np.float64)
    mean = _exact_sums(x, cell, cells) / size
    within = _exact_sums((x - mean[cell]) ** 2, cell, cells)
    rows = np.bincount(agent, size, minlength=agents)
    centre = _exact_sums(size * mean, agent, agents) / rows
    between = _exact_sums(size * (mean - centre[agent]) ** 2, agent, agents)
    squared = np.bincount(agent, size**2, minlength=agents)
    clusters = np.bincount(agent, minlength=agents).astype(np.float64)
    kept = clusters >= 2
    out = np.empty((agents, TERMS))
    out[:, BETWEEN], out[:, DOF_BETWEEN] = between, clusters - 1.0
    out[:, WITHIN] = _exact_sums(within, agent, agents)
    out[:, DOF_WITHIN], out[:, ROWS] = rows - clusters, rows
    out[:, SQUARED], out[:, WORTH] = squared, rows - squared / rows
    out[:, 7:-1] = out[:, PRODUCTS[0]] * out[:, PRODUCTS[1]]
    out[:, -1] = 1.0
    return out[kept]


def _exact_sums(x: Floats, cell: Ints, cells: int) -> Floats:
    return EvidenceSums.from_block(x, 1.0, cell, cells).log_ratio()[:, 0]
