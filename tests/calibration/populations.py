"""Populations of known law for the calibration tests, and how a rate is judged."""

import numpy as np

ALPHA = np.array([0.05, 0.01, 0.001])
TOLERANCE = np.array([0.005, 0.005, 0.0005])
CELLS = [(d, n, rho) for d in (2, 10, 20) for n in (50, 1_000) for rho in (0.0, 0.95)]


def root(d, rho):
    """Square root of the covariance with equal correlations."""
    return np.linalg.cholesky(np.full((d, d), rho) + (1 - rho) * np.eye(d)).T


def draw(rng, n, d, rho, law="normal"):
    """Rows with equal correlations: normal, or multivariate t with 8 degrees."""
    z = rng.standard_normal((n, d)) @ root(d, rho)
    return z if law == "normal" else z * np.sqrt(8 / rng.chisquare(8, n))[:, None]


def attack(d, rho, sigmas=6.0):
    """A move along the weakest direction: two features, each by little."""
    out = np.zeros(d)
    out[:2] = np.array([sigmas, -sigmas]) * np.sqrt((1 - rho) / 2)
    return out


def below(log_p):
    """Share of rows below each alpha, shape (3,)."""
    return (log_p[:, None] < np.log(ALPHA)).mean(axis=0)


def check(rates, record, tolerance=TOLERANCE):
    """Assert mean rates within the tolerance and two standard errors of the fits."""
    mean = rates.mean(axis=0)
    error = rates.std(axis=0, ddof=1) / np.sqrt(len(rates))
    record("rates", mean.round(5).tolist())
    record("standard_errors", error.round(5).tolist())
    assert (np.abs(mean - ALPHA) <= tolerance + 2 * error).all(), (mean, error)
