"""Sources of which some lie in every way we know: seeded, for any rule to be held to.

Honest source s adds -k + sqrt(2 k) N(0, 1) a round to the log-likelihood of a false
hypothesis h, k its information about h, and 0 to that of the true one.  Liars see what
the honest ones send before they send their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TRUTH = 0


@dataclass(frozen=True)
class Layout:
    """Who can tell what apart: `information` is (honest, false hypotheses) a round."""

    name: str
    n: int
    f: int
    hypotheses: int = 4
    rounds: int = 200
    seeing: tuple[int, int] | None = None

    def information(self, rng: np.random.Generator) -> Floats:
        honest = self.n - self.f
        shape = honest, self.hypotheses - 1
        if self.seeing is None:
            return np.full(shape, 0.05)
        some, of = self.seeing
        out = np.zeros(shape)
        for h in range(shape[1]):
            seers = rng.permutation(honest)[: round(honest * some / of)]
            out[seers, h] = rng.uniform(0.02, 0.15, len(seers))
        return out


def honest_sums(layout: Layout, rng: np.random.Generator) -> Floats:
    """Sums of the honest sources, shape (honest, h); the truth is hypothesis 0."""
    k = layout.information(rng) * layout.rounds
    false = -k + np.sqrt(2 * k) * rng.standard_normal(k.shape)
    return np.concatenate([np.zeros((len(k), 1)), false], axis=1)


def _spread(x: Floats) -> tuple[Floats, Floats]:
    centred = x - x.mean(axis=1, keepdims=True)
    return centred.mean(axis=0), centred.std(axis=0)


def _toward(x: Floats, rival: float, truth: float) -> Floats:
    """A vector that favours the strongest rival and punishes the truth."""
    mean, _ = _spread(x)
    out = mean.copy()
    j = 1 + int(np.argmax(mean[1:]))
    out[j], out[TRUTH] = rival, truth
    return out


def _hypothesis_flip(x: Floats, rng: np.random.Generator) -> Floats:
    mean, _ = _spread(x)
    j = 1 + int(np.argmax(mean[1:]))
    mean[[TRUTH, j]] = mean[[j, TRUTH]]
    return mean


def _alie(x: Floats, rng: np.random.Generator) -> Floats:
    mean, sd = _spread(x)
    sign = np.ones(len(mean))
    sign[TRUTH] = -1
    return mean + 1.06 * sd * sign


def _collude(x: Floats, rng: np.random.Generator) -> Floats:
    sd = _spread(x)[1]
    j = 1 + int(np.argmax(x.mean(axis=0)[1:]))
    return _toward(x, x[:, j].max() + sd[j], x[:, TRUTH].min() - sd[TRUTH])


def _edge(x: Floats, rng: np.random.Generator) -> Floats:
    out = x.max(axis=0)
    out[TRUTH] = x[:, TRUTH].min()
    return out


def _non_finite(x: Floats, rng: np.random.Generator) -> Floats:
    out = np.full(x.shape[1], np.nan)
    out[1] = np.inf
    return out


def _drift(x: Floats, rng: np.random.Generator) -> Floats:
    mean, sd = _spread(x)
    j = 1 + int(np.argmax(mean[1:]))
    return _toward(
        x, mean[j] + 3 * sd[j] + abs(mean[j] - mean[TRUTH]), mean[TRUTH] - 3 * sd[TRUTH]
    )


def _constant(value: float) -> Callable[[Floats, np.random.Generator], Floats]:
    def attack(x: Floats, rng: np.random.Generator) -> Floats:
        out = np.full(x.shape[1], value)
        out[TRUTH] = -value
        return out

    return attack


ATTACKS: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "sign flip": lambda x, rng: -_spread(x)[0],
    "inner product": lambda x, rng: -0.5 * _spread(x)[0],
    "a little is enough": _alie,
    "mimic": lambda x, rng: x[0],
    "hypothesis flip": _hypothesis_flip,
    "collude": _collude,
    "edge of the honest range": _edge,
    "drift": _drift,
    "noise": lambda x, rng: x.mean(axis=0) + 10 * rng.standard_normal(x.shape[1]),
    "+50": _constant(50.0),
    "-50": _constant(-50.0),
    "bias +2": lambda x, rng: x.mean(axis=0) + 2.0 * (np.arange(x.shape[1]) > 0),
    "flood": lambda x, rng: -1_000.0 * _spread(x)[0],
    "silent": lambda x, rng: np.full(x.shape[1], np.nan),
    "not finite": _non_finite,
}


def attacked(layout: Layout, name: str, seed: int) -> tuple[Floats, Floats]:
    """Sums of all sources, liars last, shape (n, h), and those of the honest alone."""
    rng = np.random.default_rng([seed, *name.encode(), layout.n])
    honest = honest_sums(layout, rng)
    if layout.f == 0:
        return honest, honest
    sent = [ATTACKS[name](honest, rng) for _ in range(layout.f)]
    return np.concatenate([honest, np.stack(sent)]), honest
