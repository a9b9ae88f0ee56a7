"""Suspected collusion: agents that move together after team and night are taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stats.collusion import Cliques, find_cliques
from stats.fdr import control_false_discovery, q_values

__all__ = ["LEAST_NIGHTS", "join_cliques", "search_cliques"]

# Nights that a search in one half and a test in the other need, with a gap between.
LEAST_NIGHTS = 17


def search_cliques(
    series: NDArray[np.float32],
    entities: NDArray[np.str_],
    *,
    seed: int,
    q: float,
) -> Cliques | None:
    """Search the agents of a fleet, or of a part of it.

    Parameters
    ----------
    series : float32 array, shape (a, T, d)
        Standardised residuals; NaN is missing.
    entities : str array, shape (a,)
        Agents of one entity are taken together: with itself it always moves.
    seed : int
        Of the shifts that the null law is made of.
    q : float
        False-discovery rate.

    Returns
    -------
    Cliques or None
        Members are the first agents of their entities.  None for fewer than 17 nights.
    """
    if series.shape[1] < LEAST_NIGHTS:
        return None
    _, first, code = np.unique(entities, return_index=True, return_inverse=True)
    if len(first) == len(entities):
        return find_cliques(series, rng=np.random.default_rng(seed), q=q)
    seen = np.isfinite(series)
    shape = len(first), *series.shape[1:]
    total, n = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    np.add.at(total, code, np.where(seen, series, 0.0))
    np.add.at(n, code, seen)
    mean: NDArray[np.float32] = np.full(shape, np.nan, np.float32)
    # Of independent agents the root keeps the variance of a night at 1.
    np.divide(total, np.sqrt(n), out=mean, where=n > 0)
    found = find_cliques(mean, rng=np.random.default_rng(seed), q=q)
    return replace(found, members=first[found.members].astype(np.int64))


def join_cliques(
    parts: Sequence[Cliques], sizes: Sequence[int], *, q: float
) -> Cliques:
    """Put the candidates of several searches into one family.

    Parameters
    ----------
    parts : sequence of Cliques
        At least one.
    sizes : sequence of int
        Agents of each search, in the order in which the fleet lists them.
    q : float
        False-discovery rate over the candidates of all.
    """
    base = np.cumsum([0, *sizes])
    p = np.concatenate([part.p for part in parts])
    order = np.argsort(p, kind="stable")
    members = [
        (part.of(k) + base[i], part.member_r[part.offsets[k] : part.offsets[k + 1]])
        for i, part in enumerate(parts)
        for k in range(len(part.size))
    ]
    chosen = [members[k] for k in order]
    lengths = [len(who) for who, _ in chosen]
    none = np.zeros(0, dtype=np.int64)

    def sorted_by_p(name: str) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.concatenate([getattr(x, name) for x in parts])
        return found[order]

    return Cliques(
        agents=sum(part.agents for part in parts),
        offsets=np.cumsum([0, *lengths]),
        members=np.concatenate([none, *(who for who, _ in chosen)]),
        member_r=np.concatenate([np.zeros(0), *(r for _, r in chosen)]),
        size=np.concatenate([part.size for part in parts])[order],
        mean_r=sorted_by_p("mean_r"),
        variance=sorted_by_p("variance"),
        log_p=sorted_by_p("log_p"),
        p=p[order],
        q_value=q_values(p)[order],
        found=control_false_discovery(p, q)[order],
        truncated=any(part.truncated for part in parts),
    )
