"""What agents of a team have in common: how they differ, how long they remember."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = [
    "mean_variance",
    "serial_correlation",
    "shrink_centres",
    "shrink_scales",
    "tail_weight",
    "team_location",
    "team_median",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Agents further out than this many sd pull their team's location by no more than that.
_HUBER, _HUBER_STEPS = 1.5, 3
# Lags behind the serial correlation, and the grid it is found on.
_LAGS = 6
_SHARES = np.linspace(0.0, 0.95, 20)
_DECAYS = np.array([0.3, 0.45, 0.6, 0.7, 0.8, 0.9])
# Sampling variance of a log variance over its normal value: 1 + kurtosis / 2 of t8.
_HEAVY = 1.75
# Degrees of freedom of the multivariate t that are compared.
_TAILS = np.array([5.0, 6.0, 7.0, 8.0, 10.0, 13.0, 18.0, 30.0, 60.0, 200.0])
# Loss of log-likelihood up to which a heavier tail is taken.
_DROP = 2.0
# Prior degrees of freedom when agents' scales do not differ beyond sampling.
_MOST_DOF = 1_000.0


def team_median(x: Floats) -> Floats:
    """Median along the first axis without NaN; NaN where nothing is seen."""
    ordered = np.sort(x, axis=0)
    n = np.isfinite(x).sum(axis=0)
    low, high = np.maximum(n - 1, 0) // 2, np.maximum(n // 2, 0)
    high = np.minimum(high, np.maximum(n - 1, 0))
    pick = [np.take_along_axis(ordered, i[None], axis=0)[0] for i in (low, high)]
    return np.where(n > 0, (pick[0] + pick[1]) / 2.0, np.nan)


def team_location(x: Floats, starts: Ints, group: Ints, scale: Floats) -> Floats:
    """Where the bulk of each team was on each night, shape (g, T, d).

    Parameters
    ----------
    x : float64 array, shape (m, T, d)
        Residuals from the team's mean of the night, sorted by team; NaN is missing.
    starts, group : int64 arrays, shapes (g,) and (m,)
        First agent of each team, and the team of each agent.
    scale : float64 array, shape (g, d)
        Spread of the team; a feature with 0 takes the team's median.

    Notes
    -----
    A mean contains who is far out: one agent of twenty that moves by six sd moves the
    residuals of the others by 0.3.  Huber's location (tuning 1.5, three Newton steps
    from the mean) loses 4 % to the mean for normal rows.
    Source: Huber, Annals of Math. Statistics 35 (1964).
    """
    safe = np.where(scale > 0, scale, 1.0)
    z = x / safe[group][:, None]
    seen = np.isfinite(z)
    count = np.add.reduceat(seen, starts, axis=0, dtype=np.float64)
    location = np.zeros(count.shape)
    for _ in range(_HUBER_STEPS):
        gap = z - location[group]
        inside = np.abs(gap) < _HUBER
        pull = np.clip(np.where(seen, gap, 0.0), -_HUBER, _HUBER)
        n = np.add.reduceat(inside, starts, axis=0, dtype=np.float64)
        steps = np.maximum(n, count / 2.0)
        location += np.add.reduceat(pull, starts, axis=0) / np.maximum(steps, 1.0)
    found = location * safe[:, None]
    ends = np.append(starts[1:], len(x))
    for g in np.flatnonzero((scale == 0).any(axis=1)):
        columns = np.flatnonzero(scale[g] == 0)
        middle = team_median(x[starts[g] : ends[g]][..., columns])
        found[g][:, columns] = np.where(np.isnan(middle), 0.0, middle)
    return found


def mean_variance(n: Floats, share: Floats, decay: Floats) -> Floats:
    """Variance of the mean of n nights in units of one night's variance.

    Autocorrelation at lag l is share · decayˡ; 1 for n <= 1.
    """
    k = np.maximum(n, 1.0)
    ramp = decay / (1.0 - decay) - decay * (1.0 - decay**k) / (k * (1.0 - decay) ** 2)
    found: Floats = (1.0 + 2.0 * share * ramp) / k
    return found


def serial_correlation(
    z: Floats, starts: Ints, nights: Floats
) -> tuple[Floats, Floats]:
    """Share and decay of what nights of an agent have in common, per team.

    Parameters
    ----------
    z : float64 array, shape (m, t, d)
        Fit nights less the agent's own mean, in sd; NaN is missing.
    starts : int64 array, shape (g,)
    nights : float64 array, shape (g,)
        Typical nights behind the means.

    Returns
    -------
    share, decay : float64 arrays, shape (g,)
        Autocorrelation at lag l is share · decayˡ, least squares over a grid for lags
        up to 6, after the bias that subtracting a mean of so few nights brings.
    """
    seen = np.isfinite(z)
    filled = np.where(seen, np.clip(z, -3.0, 3.0), 0.0)
    lags = min(_LAGS, max(z.shape[1] - 2, 0))
    if lags == 0:
        return np.zeros(len(starts)), np.full(len(starts), 0.6)
    sums, pairs = [], []
    for lag in range(lags + 1):
        a, b = filled[:, lag:], filled[:, : z.shape[1] - lag]
        both = seen[:, lag:] & seen[:, : z.shape[1] - lag]
        per_agent = np.einsum("mtd,mtd->m", a, b)
        sums.append(np.add.reduceat(per_agent, starts))
        pairs.append(np.add.reduceat(both.sum(axis=(1, 2)), starts))
    product = np.array(sums) / np.maximum(np.array(pairs), 1)
    level = np.where(product[0] > 0, product[0], 1.0)
    observed = (product[1:] / level).T
    share, decay = (v.ravel() for v in np.meshgrid(_SHARES, _DECAYS, indexing="ij"))
    bias = mean_variance(nights[:, None], share[None], decay[None])
    power = share[:, None] * decay[:, None] ** np.arange(1, lags + 1)
    model = (power[None] - bias[..., None]) / np.maximum(1.0 - bias[..., None], 1e-6)
    weight = np.array(pairs[1:], dtype=np.float64).T
    loss = (weight[:, None] * (observed[:, None] - model) ** 2).sum(axis=2)
    best = loss.argmin(axis=1)
    return share[best], decay[best]


def tail_weight(d2: Floats, p: NDArray[np.generic], starts: Ints) -> Floats:
    """Degrees of freedom of the multivariate t that nights of a team follow, (g,).

    Parameters
    ----------
    d2 : float64 array, shape (m, t)
        Squared lengths of whitened fit nights.
    p : integer array, shape (m, t)
        Features behind them; 0 is no night.
    starts : int64 array, shape (g,)

    Returns
    -------
    float64 array, shape (g,)
        In [4.5, 102].

    Notes
    -----
    The smallest of some values from 5 to 200 whose log-likelihood is within 2 of the
    best, lengths brought to mean p first; then its excess over 4 is halved, so that the
    excess kurtosis is doubled.  Most nights say little of wild ones, yet these decide
    how large the largest of all windows is by chance: for t8 nights with an ordinary
    memory the likeliest value is 12, and 8 finds half as many shifts again (simulated).
    """
    count = np.add.reduceat(p.sum(axis=1), starts)
    total = np.add.reduceat(d2.sum(axis=1), starts)
    agents = np.diff(np.append(starts, len(d2)))
    unit = np.repeat(_ratio(count.astype(np.float64), total), agents)[:, None]
    scaled, features = d2 * unit, p.astype(np.float64)
    found = []
    for tail in _TAILS:
        const = special.gammaln((tail + features) / 2.0) - special.gammaln(tail / 2.0)
        const -= features / 2.0 * np.log(tail - 2.0)
        log_f = const - (tail + features) / 2.0 * np.log1p(scaled / (tail - 2.0))
        likelihood = np.where(features > 0, log_f, 0.0).sum(axis=1)
        found.append(np.add.reduceat(likelihood, starts))
    gap = np.max(found, axis=0) - np.array(found)
    chosen: Floats = 4.0 + (_TAILS[np.argmax(gap <= _DROP, axis=0)] - 4.0) / 2.0
    return chosen


def shrink_scales(
    scatter: Floats, weight: Floats, n: Floats, starts: Ints, group: Ints
) -> tuple[Floats, Floats, Floats]:
    """Variance of each agent, pulled to its team's by what agents really differ.

    Parameters
    ----------
    scatter, weight, n : float64 arrays, shape (m, d)
        Squares about the own mean, what they are divided by, and nights.
    starts, group : int64 arrays

    Returns
    -------
    variance : float64 array, shape (m, d)
    team : float64 array, shape (g, d)
    dof : float64 array, shape (m,)
        Degrees of freedom behind the variance, prior and own.

    Notes
    -----
    (d0 s0² + f s²) / (d0 + f) with f = n - 1; the prior d0 of a team from the
    variance of log s² beyond its sampling variance, over agents and features with
    n >= 4.  That is taken as 1.75 trigamma(f/2), as for t8 nights: else heavy tails
    pass for agents that differ.
    Source: Smyth, Statistical Applications in Genetics and Molecular Biology 3 (2004).
    """
    total = np.add.reduceat(weight, starts, axis=0)
    team = _ratio(np.add.reduceat(scatter, starts, axis=0), total)
    own = _ratio(scatter, weight)
    used = (n >= 4) & (own > 0) & (team[group] > 0)
    log_ratio = np.log(np.where(used, own, 1.0) / np.where(used, team[group], 1.0))
    log_ratio = np.where(used, log_ratio, 0.0)
    sampling = np.where(used, special.polygamma(1, np.maximum(n - 1.0, 1.0) / 2.0), 0.0)

    def per_team(values: Floats) -> Floats:
        added: Floats = np.add.reduceat(values.sum(axis=1), starts)
        return added

    count = per_team(used.astype(np.float64))
    mean = _ratio(per_team(log_ratio), count)
    spread = per_team(np.where(used, (log_ratio - mean[group][:, None]) ** 2, 0.0))
    excess = _ratio(spread - _HEAVY * per_team(sampling), np.maximum(count - 1.0, 1.0))
    e = np.maximum(excess, 2.0 / _MOST_DOF)
    prior = np.where(count >= 3, (1.0 + np.sqrt(1.0 + 2.0 * e)) / e, _MOST_DOF)
    prior = np.minimum(prior, _MOST_DOF)[group][:, None]
    f = np.maximum(n - 1.0, 0.0)
    variance = (prior * team[group] + f * np.where(f > 0, own, 0.0)) / (prior + f)
    dof: Floats = prior[:, 0] + f.max(axis=1, initial=0.0)
    return variance, team, dof


def shrink_centres(
    mean: Floats, error: Floats, n: Floats, starts: Ints, group: Ints, *, robust: bool
) -> tuple[Floats, Floats]:
    """Centre of each agent, pulled to its team's by what agents really differ.

    Parameters
    ----------
    mean, error, n : float64 arrays, shape (m, d)
        Own mean, its variance and nights.
    starts, group : int64 arrays
    robust : bool
        Take medians over the agents of a team.

    Returns
    -------
    centre : float64 array, shape (m, d)
    uncertainty : float64 array, shape (m, d)
        Variance of the error of the centre.

    Notes
    -----
    Pull = error / (between + error), between the variance of means beyond their errors
    over k agents with two nights or more, divided by k - 3: few agents pull little.
    Source: Efron, Morris, J. American Statistical Association 68 (1973).
    """
    used = n >= 2
    count = np.add.reduceat(used, starts, axis=0, dtype=np.float64)
    held = np.where(used, mean, 0.0)
    ends = np.append(starts[1:], len(mean))
    spans = list(zip(starts, ends, strict=True))
    if robust:
        known = np.where(used, mean, np.nan)
        target = np.stack([team_median(known[a:b]) for a, b in spans])
        target = np.where(np.isnan(target), 0.0, target)
        far = np.abs(known - target[group])
        width = np.stack([team_median(far[a:b]) for a, b in spans])
        total = (1.4826 * np.where(np.isnan(width), 0.0, width)) ** 2
        total *= count / np.maximum(count - 3.0, 1.0)
    else:
        target = _ratio(np.add.reduceat(held, starts, axis=0), count)
        gap = np.where(used, (mean - target[group]) ** 2, 0.0)
        total = np.add.reduceat(gap, starts, axis=0) / np.maximum(count - 3.0, 1.0)
    noise = _ratio(np.add.reduceat(np.where(used, error, 0.0), starts, axis=0), count)
    between = np.maximum(total - noise, 0.0)[group]
    known_error = np.where(n > 0, error, np.inf)
    pull = np.where(n > 0, _ratio(error, between + error), 1.0)
    pull = np.where((n > 0) & (between + error <= 0), 0.0, pull)
    own = np.where(n > 0, mean, 0.0) - target[group]
    centre: Floats = target[group] + (1.0 - pull) * own
    uncertainty = np.where(np.isfinite(known_error), between * pull, between)
    return centre, uncertainty


def _ratio(a: Floats, b: Floats) -> Floats:
    found: Floats = np.divide(a, b, out=np.zeros(np.shape(a)), where=b > 0)
    return found
