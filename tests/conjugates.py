"""The conjugate families as models: draw parameters, data, posteriors, likelihoods.

Draws come from numpy and scipy and likelihoods from the raw rows, so that nothing of
the code under test is its own witness.  Arrays have a leading axis of simulations,
which are the groups of one summary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from stats.conjugate import (
    BetaBernoulli,
    DirichletMultinomial,
    GammaPoisson,
    NormalInverseWishart,
)

__all__ = ["MODELS", "Model", "build"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Model:
    """One family with a prior; theta is (…, q), rows are (g, n) or (g, n, columns)."""

    name: str
    from_rows: Callable[[Array, Array, int], Any]
    prior: Callable[[np.random.Generator, int], Array]
    data: Callable[[np.random.Generator, Array, int], Array]
    draws: Callable[[np.random.Generator, Any, int], Array]
    log_likelihood: Callable[[Array, Array], Array]
    times: Callable[[Any, float], Any]
    spoil: Callable[[Any], Any]
    log_predictive: Callable[[Any, Array, Array], Array]


def build(model: Model, rows: Array) -> Any:
    """One summary of all rows; simulation i is group i."""
    g, n = rows.shape[:2]
    flat = rows.reshape(g * n, *rows.shape[2:])
    return model.from_rows(flat, np.repeat(np.arange(g), n), g)


def _plain(summary: Any, rows: Array, groups: Array) -> Array:
    return summary.log_predictive(rows, groups)


# Rows of 0 and 1
_BETA = {"alpha": 1.5, "beta": 3.0}


def _bernoulli_likelihood(theta: Array, rows: Array) -> Array:
    ones, seen = np.nansum(rows, axis=1), (~np.isnan(rows)).sum(axis=1)
    p = theta[..., 0]
    return special.xlogy(ones[:, None], p) + special.xlog1py((seen - ones)[:, None], -p)


BERNOULLI = Model(
    "beta-bernoulli",
    lambda x, at, g: BetaBernoulli.from_block(x, at, g, **_BETA),
    lambda rng, g: rng.beta(1.5, 3.0, (g, 1)),
    lambda rng, theta, n: (rng.random((len(theta), n)) < theta) * 1.0,
    lambda rng, now, k: rng.beta(
        now.alpha[:, None], now.beta[:, None], (len(now.n), k)
    )[..., None],
    _bernoulli_likelihood,
    lambda s, c: replace(s, alpha=c * s.alpha, beta=c * s.beta),
    lambda now: replace(now, alpha=now.alpha / 2, beta=now.beta / 2),
    _plain,
)

# Rows of one of four kinds
_ALPHA = np.array([0.5, 1.0, 2.0, 4.0])


def _dirichlet(rng: np.random.Generator, alpha: Array) -> Array:
    gammas = rng.standard_gamma(alpha)
    return gammas / gammas.sum(axis=-1, keepdims=True)


def _kinds(rng: np.random.Generator, theta: Array, n: int) -> Array:
    edges = theta.cumsum(axis=1)[:, None, :-1]
    return (rng.random((len(theta), n, 1)) >= edges).sum(axis=2) * 1.0


def _kinds_likelihood(theta: Array, rows: Array) -> Array:
    counts = (rows[:, :, None] == np.arange(4)).sum(axis=1)
    return special.xlogy(counts[:, None, :], theta).sum(axis=-1)


KINDS = Model(
    "dirichlet-multinomial",
    lambda x, at, g: DirichletMultinomial.from_block(x, at, g, alpha=_ALPHA),
    lambda rng, g: _dirichlet(rng, np.broadcast_to(_ALPHA, (g, 4))),
    _kinds,
    lambda rng, now, k: _dirichlet(
        rng, np.broadcast_to(now.alpha[:, None, :], (len(now.n), k, 4))
    ),
    _kinds_likelihood,
    lambda s, c: replace(s, alpha=c * s.alpha),
    lambda now: replace(now, alpha=now.alpha / 2),
    _plain,
)

# Rows of a count and its exposure
_GAMMA = {"shape": 2.0, "rate": 0.8}


def _poisson(rng: np.random.Generator, theta: Array, n: int) -> Array:
    exposure = rng.choice([0.0, 0.3, 1.0, 4.0], (len(theta), n))
    return np.stack([rng.poisson(theta * exposure), exposure], axis=2)


def _poisson_likelihood(theta: Array, rows: Array) -> Array:
    x, e = rows[:, None, :, 0], rows[:, None, :, 1]
    terms = stats.poisson.logpmf(x, theta * e)
    return np.nansum(terms, axis=2)


POISSON = Model(
    "gamma-poisson",
    lambda x, at, g: GammaPoisson.from_block(
        x[:, 0], at, g, exposure=x[:, 1], **_GAMMA
    ),
    lambda rng, g: rng.gamma(2.0, 1 / 0.8, (g, 1)),
    _poisson,
    lambda rng, now, k: rng.gamma(
        now.shape[:, None], 1 / now.rate[:, None], (len(now.n), k)
    )[..., None],
    _poisson_likelihood,
    lambda s, c: replace(s, shape=c * s.shape, rate=c * s.rate),
    lambda now: replace(now, rate=2 * now.rate),
    lambda s, rows, at: s.log_predictive(rows[:, 0], at, exposure=rows[:, 1]),
)

# Rows of two features; theta is the mean, then the covariance row by row
_NIW: dict[str, Any] = {
    "mean": [1.0, -2.0],
    "kappa": 0.7,
    "df": 5.0,
    "scale": [[2.0, 0.9], [0.9, 1.0]],
}


def _around(
    rng: np.random.Generator, mean: Array, kappa: Array, covariance: Array
) -> Array:
    factor = np.linalg.cholesky(covariance) / np.sqrt(kappa)[..., None, None]
    noise = rng.standard_normal(covariance.shape[:-1])
    means = mean + (factor @ noise[..., None])[..., 0]
    return np.concatenate([means, covariance.reshape(*means.shape[:-1], 4)], axis=-1)


def _normal_prior(rng: np.random.Generator, g: int) -> Array:
    covariance = stats.invwishart.rvs(5.0, _NIW["scale"], size=g, random_state=rng)
    return _around(rng, np.array(_NIW["mean"]), np.full(g, 0.7), covariance)


def _normal_data(rng: np.random.Generator, theta: Array, n: int) -> Array:
    factor = np.linalg.cholesky(theta[:, 2:].reshape(-1, 2, 2))
    noise = rng.standard_normal((len(theta), n, 2))
    return theta[:, None, :2] + noise @ factor.transpose(0, 2, 1)


def _normal_draws(rng: np.random.Generator, now: Any, k: int) -> Array:
    covariance = np.stack(
        [
            stats.invwishart.rvs(df, scale, size=k, random_state=rng)
            for df, scale in zip(now.df, now.scale, strict=True)
        ]
    )
    kappa = np.broadcast_to(now.kappa[:, None], covariance.shape[:2])
    return _around(rng, now.mean[:, None, :], kappa, covariance)


def _normal_likelihood(theta: Array, rows: Array) -> Array:
    covariance = theta[..., 2:].reshape(*theta.shape[:-1], 2, 2)
    a, b, d = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    determinant = (a * d - b * b)[..., None]
    u, v = np.moveaxis(rows[:, None, :, :] - theta[:, :, None, :2], -1, 0)
    a, b, d = a[..., None], b[..., None], d[..., None]
    distance = (d * u * u - 2 * b * u * v + a * v * v) / determinant
    return np.nansum(-0.5 * (distance + np.log(determinant)), axis=2)


NORMAL = Model(
    "normal-inverse-wishart",
    lambda x, at, g: NormalInverseWishart.from_block(x, at, g, **_NIW),
    _normal_prior,
    _normal_data,
    _normal_draws,
    _normal_likelihood,
    lambda s, c: replace(s, kappa=c * s.kappa, df=c * s.df, scale=c * s.scale),
    lambda now: replace(now, scale=2 * now.scale),
    _plain,
)

MODELS = {model.name: model for model in (BERNOULLI, KINDS, POISSON, NORMAL)}
