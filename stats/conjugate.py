"""Conjugate families: posterior, marginal likelihood and predictive from exact sums.

Each is a mergeable summary whose prior is an attribute: it enters once, however many
partitions were merged.
"""

from stats.conjugate_bernoulli import BetaBernoulli, BetaPosterior
from stats.conjugate_kinds import DirichletMultinomial, DirichletPosterior
from stats.conjugate_normal import (
    NormalInverseWishart,
    NormalInverseWishartPosterior,
)
from stats.conjugate_rates import GammaPoisson, GammaPosterior

__all__ = [
    "BetaBernoulli",
    "BetaPosterior",
    "DirichletMultinomial",
    "DirichletPosterior",
    "GammaPoisson",
    "GammaPosterior",
    "NormalInverseWishart",
    "NormalInverseWishartPosterior",
]
