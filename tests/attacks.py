"""Sources of which some lie in every way we know: seeded, for any rule to be held to.

Honest source s adds -k + sqrt(2 k) N(0, 1) a round to the log-likelihood of a false
hypothesis h, k its information about h, and 0 to that of the true one.  Liars see what
the honest ones send before they send their own.  Many runs are one array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TRUTH = 0


@dataclass(frozen=True)
class Layout:
    """Who can tell what apart: `information` is (runs, sources, false hypotheses)."""

    name: str
    n: int
    f: int
    hypotheses: int = 4
    rounds: int = 200
    seeing: tuple[int, int] | None = None

    def information(self, rng: np.random.Generator, runs: int = 1) -> Floats:
        """What a round tells each source; liars, last, could know the least."""
        shape = runs, self.n, self.hypotheses - 1
        if self.seeing is None:
            return np.full(shape, 0.05)
        some, of = self.seeing
        honest = self.n - self.f
        order = rng.random((runs, honest, shape[2])).argsort(axis=1)
        sees = order < round(honest * some / of)
        out = np.zeros(shape)
        out[:, :honest] = np.where(sees, rng.uniform(0.02, 0.15, sees.shape), 0.0)
        return out


@dataclass(frozen=True)
class Seen:
    """What liars know when they speak.

    Attributes
    ----------
    honest : (runs, honest, h), sums of the honest sources
    own : (runs, f, h), what the liars have seen themselves
    share : of the rounds that are over
    """

    honest: Floats
    own: Floats
    share: float
    rng: np.random.Generator

    def spread(self) -> tuple[Floats, Floats]:
        """Mean and sd of the honest sources, each (runs, 1, h)."""
        centred = self.honest - self.honest.mean(axis=2, keepdims=True)
        return centred.mean(axis=1, keepdims=True), centred.std(axis=1, keepdims=True)

    def rival(self) -> NDArray[np.int64]:
        """Strongest false hypothesis, shape (runs, 1, 1)."""
        mean = self.honest.mean(axis=1, keepdims=True)
        return 1 + mean[..., 1:].argmax(axis=2)[..., None]


Attack = Callable[[Seen], Floats]


def _toward(seen: Seen, rival: Floats, truth: Floats) -> Floats:
    """A vector that favours the strongest rival and punishes the truth."""
    out = seen.spread()[0].copy()
    np.put_along_axis(out, seen.rival(), rival, axis=2)
    out[..., TRUTH] = truth[..., 0]
    return out


def _of_rival(seen: Seen, x: Floats) -> Floats:
    return np.take_along_axis(x, seen.rival(), axis=2)


def _hypothesis_flip(seen: Seen) -> Floats:
    mean = seen.spread()[0]
    return _toward(seen, mean[..., [TRUTH]], _of_rival(seen, mean))


def _alie(seen: Seen) -> Floats:
    mean, sd = seen.spread()
    sign = np.ones(mean.shape[2])
    sign[TRUTH] = -1
    return mean + 1.06 * sd * sign


def _collude(seen: Seen) -> Floats:
    sd = seen.spread()[1]
    high = seen.honest.max(axis=1, keepdims=True)
    low = seen.honest.min(axis=1, keepdims=True)
    return _toward(seen, _of_rival(seen, high + sd), (low - sd)[..., [TRUTH]])


def _edge(seen: Seen) -> Floats:
    out = seen.honest.max(axis=1, keepdims=True)
    out[..., TRUTH] = seen.honest[..., TRUTH].min(axis=1, keepdims=True)
    return out


def _non_finite(seen: Seen) -> Floats:
    out = np.full(seen.own.shape, np.nan)
    out[..., 1] = np.inf
    return out


def _drift(seen: Seen) -> Floats:
    mean, sd = seen.spread()
    rival, truth = _of_rival(seen, mean), mean[..., [TRUTH]]
    step = 3 * _of_rival(seen, sd) + np.abs(rival - truth)
    return _toward(
        seen, rival + seen.share * step, truth - 3 * seen.share * sd[..., [TRUTH]]
    )


def _noise(seen: Seen) -> Floats:
    mean, sd = seen.spread()
    return mean + 10 * sd * seen.rng.standard_normal(seen.own.shape)


def _bias(seen: Seen) -> Floats:
    return seen.spread()[0] + 2.0 * (np.arange(seen.own.shape[2]) != TRUTH)


def _equivocate(seen: Seen) -> Floats:
    """Every liar has another favourite."""
    f, h = seen.own.shape[1:]
    out = np.zeros((1, f, h))
    out[0, np.arange(f), 1 + np.arange(f) % (h - 1)] = 30.0
    return out


def _turncoat(seen: Seen) -> Floats:
    return seen.own if seen.share <= 0.5 else _collude(seen)


def _one_target(seen: Seen) -> Floats:
    """Honest about all agents but every fourth."""
    hit = np.arange(len(seen.own))[:, None, None] % 4 == 0
    return np.where(hit, _collude(seen), seen.own)


def _crown(seen: Seen) -> Floats:
    """Overwhelming support for one rival."""
    out = np.zeros(seen.spread()[0].shape)
    np.put_along_axis(out, seen.rival(), 1e9, axis=2)
    return out


def _constant(rivals: float, truth: float) -> Attack:
    def attack(seen: Seen) -> Floats:
        out = np.full(seen.own.shape, rivals)
        out[..., TRUTH] = truth
        return out

    return attack


ATTACKS: dict[str, Attack] = {
    "none": lambda seen: seen.own,
    "sign flip": lambda seen: -seen.spread()[0],
    "inner product": lambda seen: -0.5 * seen.spread()[0],
    "a little is enough": _alie,
    "mimic": lambda seen: seen.honest[:, :1],
    "hypothesis flip": _hypothesis_flip,
    "collude": _collude,
    "edge of the honest range": _edge,
    "drift": _drift,
    "noise": _noise,
    "+50": _constant(50.0, -50.0),
    "-50": _constant(-50.0, 50.0),
    "bias +2": _bias,
    "flood": lambda seen: -1_000.0 * seen.spread()[0],
    "deny the truth": _constant(0.0, -1e12),
    "crown a rival": _crown,
    "equivocate": _equivocate,
    "replay": lambda seen: 1_000.0 * seen.own,
    "sybil": lambda seen: -1_000.0 * seen.own[:, :1],
    "honest, then flip": _turncoat,
    "one target": _one_target,
    "silent": lambda seen: np.full(seen.own.shape, np.nan),
    "not finite": _non_finite,
}


def sums_over_rounds(
    layout: Layout, rng: np.random.Generator, runs: int, looks: int
) -> Iterator[tuple[float, Floats]]:
    """Share of the rounds that are over, and what every source has seen by then."""
    step = layout.information(rng, runs) * (layout.rounds / looks)
    seen = np.zeros((*step.shape[:2], layout.hypotheses))
    for look in range(looks):
        noise = np.sqrt(2 * step) * rng.standard_normal(step.shape)
        seen[..., 1:] += noise - step
        yield (look + 1) / looks, seen


def attacked_runs(
    layout: Layout, name: str, runs: int, rng: np.random.Generator, looks: int = 1
) -> Iterator[Floats]:
    """Sums of all sources at every look, the f liars last, shape (runs, n, h)."""
    honest = layout.n - layout.f
    for share, seen in sums_over_rounds(layout, rng, runs, looks):
        if layout.f == 0:
            yield seen.copy()
            continue
        told = Seen(seen[:, :honest], seen[:, honest:], share, rng)
        sent = np.broadcast_to(ATTACKS[name](told), told.own.shape)
        yield np.concatenate([told.honest, sent], axis=1)


def attacked(layout: Layout, name: str, seed: int) -> tuple[Floats, Floats]:
    """One run: sums of all sources, liars last, (n, h), and of the honest alone."""
    rng = np.random.default_rng([seed, *name.encode(), layout.n])
    (sent,) = attacked_runs(layout, name, 1, rng)
    return sent[0], sent[0, : layout.n - layout.f]


def with_liars(layout: Layout, f: int) -> Layout:
    """Return the same sources, of which f lie: more than the rule is told, perhaps."""
    return replace(layout, f=f)
