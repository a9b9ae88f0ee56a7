"""Backlogs sent in different orders over a narrow line: how wrong are the means?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.backlog import Backlog, nightly_volatility
from stats.transfer import Objective, plan_transfer

SITES, SILENT, BEHIND, WINDOW, HISTORY = 40, 24, 14, 30, 60
FRACTIONS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75)
RULES = ("FIFO", "random", "biggest first", "LIFO", *(f"value, {o}" for o in Objective))
DRIFTS = ("walk", "misspecified")
_SIGMA = 1.0


@dataclass(frozen=True)
class Scene:
    """One backlog with its truth.

    Attributes
    ----------
    truth : (s, WINDOW) true nightly means; column BEHIND before the end is the last
        that silent sites delivered.
    backlog : what is here and what could be sent, with the estimated volatility.
    """

    truth: NDArray[np.float64]
    backlog: Backlog


def scene(rng: np.random.Generator, drift: str) -> Scene:
    """Draw sites of unequal size and unrest, of which some fall silent."""
    agents = np.ceil(rng.lognormal(5.0, 1.0, SITES))
    mass = agents / agents.sum()
    q = rng.lognormal(-2.5, 0.8, SITES)
    steps = q[:, None] * rng.normal(size=(SITES, HISTORY + WINDOW))
    truth = steps.cumsum(axis=1)
    if drift == "misspecified":
        truth = _other_drift(rng, truth, q)
    noise = _SIGMA**2 / agents
    seen = truth + np.sqrt(noise)[:, None] * rng.normal(size=truth.shape)
    volatility = nightly_volatility(seen[:, :HISTORY], noise)
    silent = rng.permutation(SITES) < SILENT
    here = np.ones((SITES, WINDOW), dtype=bool)
    here[silent, WINDOW - BEHIND :] = False
    size = 40.0 * agents[:, None] * rng.uniform(0.5, 1.5, here.shape)
    return Scene(
        truth[:, HISTORY:], Backlog(mass, volatility, here, np.where(here, 0, size))
    )


def _other_drift(
    rng: np.random.Generator, walk: NDArray[np.float64], q: NDArray[np.float64]
) -> NDArray[np.float64]:
    """No walk at all: a mean-reverting part, a week of its own, a trend, jumps."""
    sites, nights = walk.shape
    back = np.zeros_like(walk)
    shocks = rng.standard_t(3, size=walk.shape) * q[:, None]
    for night in range(1, nights):
        back[:, night] = 0.8 * back[:, night - 1] + shocks[:, night]
    week = rng.normal(size=(sites, 7)) * q[:, None]
    trend = rng.normal(size=(sites, 1)) * 0.3 * q[:, None] * np.arange(nights)
    return back + week[:, np.arange(nights) % 7] + trend


def order(scene: Scene, rule: str, rng: np.random.Generator) -> NDArray[np.int64]:
    """Flat places of the backlog in the order in which a rule sends them."""
    backlog = scene.backlog
    flat = np.flatnonzero(backlog.nbytes.ravel())
    site, night = np.divmod(flat, WINDOW)
    shuffle = rng.permutation(len(flat))
    if rule.startswith("value"):
        chosen = plan_transfer(backlog, math.inf, rule.split(", ")[1])
        return chosen[0] * WINDOW + chosen[1]
    keys = {
        "FIFO": (shuffle, night),
        "LIFO": (shuffle, -night),
        "random": (shuffle,),
        "biggest first": (night, -backlog.mass[site]),
    }[rule]
    return flat[np.lexsort(keys)]


def errors(scene: Scene, sent: NDArray[np.int64]) -> NDArray[np.float64]:
    """Errors of the newest and of the window mean at each fraction of the bytes."""
    cost = scene.backlog.nbytes.ravel()[sent].cumsum()
    mass, truth = scene.backlog.mass, scene.truth
    found = []
    for fraction in FRACTIONS:
        here = scene.backlog.delivered.copy()
        here.ravel()[sent[cost <= fraction * cost[-1]]] = True
        wrong = filled(truth, here) - truth
        found.append((mass @ wrong[:, -1], mass @ wrong.mean(axis=1)))
    return np.array(found)


def filled(truth: NDArray[np.float64], here: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Between delivered nights a straight line, after the last one its value."""
    nights = np.arange(truth.shape[1])
    return np.array(
        [
            np.interp(nights, nights[there], row[there])
            for row, there in zip(truth, here, strict=True)
        ]
    )


def study(runs: int, drift: str = "walk", seed: int = 20) -> dict[str, tuple]:
    """Mean root-mean-square error of both means over the fractions, by rule."""
    squares = {rule: np.zeros((len(FRACTIONS), 2)) for rule in RULES}
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        drawn = scene(rng, drift)
        for rule in RULES:
            squares[rule] += errors(drawn, order(drawn, rule, rng)) ** 2
    return {
        rule: tuple(np.sqrt(total / runs).mean(axis=0).tolist())
        for rule, total in squares.items()
    }


def relative(found: dict[str, tuple]) -> dict[str, tuple]:
    """Errors over those of FIFO."""
    first = found["FIFO"]
    return {
        rule: tuple(e / f for e, f in zip(error, first, strict=True))
        for rule, error in found.items()
    }
