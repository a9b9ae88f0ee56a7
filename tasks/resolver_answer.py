"""What one side of a partition answers, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.missing_data import MissingDataInterval
from stats.staleness import ConsistencyModel
from tasks.online_replicas import Replica
from tasks.update_windows import estimate_all

__all__ = ["Heard", "answer_of", "heard"]

DEGRADED = 0.8
"""Share of the updates' sources below which an answer is marked as degraded."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How old what is known of each expected source is.

    Attributes
    ----------
    ages : dict of source to seconds
        Since its newest update, infinite when nothing of it is known.
    stale : tuple of str
        Sources beyond the bound.
    share : float
        Of updates that come from sources within the bound; sources count alike while
        nothing is known of any.
    """

    ages: Mapping[str, float]
    stale: tuple[str, ...]
    share: float

    @property
    def degraded(self) -> bool:
        """Too little comes from sources within the bound."""
        return self.share < DEGRADED


def heard(replica: Replica, expected: Sequence[str], now: float, bound: float) -> Heard:
    """Say how old each source is at a replica, in seconds."""
    newest = replica.newest
    names = sorted({*expected, *newest})
    ages = {name: max(0.0, now - newest.get(name, -math.inf)) for name in names}
    stale = tuple(name for name in names if not ages[name] <= bound)
    mass = {name: float(replica.rows[name]) for name in names}
    known = [mass[name] for name in names if mass[name] > 0]
    # Of a source that was never heard of, as much as of a usual one is missing.
    usual = sum(known) / len(known) if known else 1.0
    mass = {name: mass[name] or usual for name in names}
    whole = math.fsum(mass.values())
    share = 1.0 - math.fsum(mass[name] for name in stale) / whole if whole else 0.0
    return Heard(ages, stale, min(max(share, 0.0), 1.0))


def answer_of(
    replica: Replica,
    vectors: Mapping[str, NDArray[np.float64]],
    found: Heard,
    *,
    model: ConsistencyModel,
    bound: float,
    now: float,
) -> dict[str, Any]:
    """Figures of the updates that count, and how far they can be believed.

    Parameters
    ----------
    replica : Replica
    vectors : mapping of str to float64 array
        By content hash.
    found : Heard
        Of the same replica.
    model : ConsistencyModel
    bound : float
        Seconds.
    now : float
        Seconds UTC.

    Returns
    -------
    dict
        As `tasks.resolver.StatisticalCAPResolver.get_statistical_view`, without what
        only the network knows.
    """
    winners = replica.winners()
    oldest = max(found.ages.values(), default=math.inf)
    answer: dict[str, Any] = {
        "n": len(winners),
        "sample_count": len(winners),
        "status": _status(winners, found),
        "mean_vector": None,
        "variance_vector": None,
        "confidence_bounds": None,
        "confidence_factor": found.share,
        "degraded": found.degraded,
        "staleness_seconds": oldest,
        "ages": dict(found.ages),
        "stale_sources": list(found.stale),
        "contradicted": replica.contradicted(),
        "all_sources": None,
        "label": "no data",
    }
    if not winners:
        return answer
    figures = replica.figures(vectors, len(vectors[winners[0].sha256]))
    lower, upper = (bound_of[0] for bound_of in figures.mean_interval())
    answer |= {
        "mean_vector": figures.mean()[0].tolist(),
        "variance_vector": figures.variance()[0].tolist(),
        "label": "updates that arrived",
        "digest": figures.digest(),
    }
    if model is ConsistencyModel.STATISTICAL:
        estimate = estimate_all(winners, vectors, seconds=bound, now=now)
        answer["all_sources"] = _as_dict(estimate)
        answer["label"] = "all sources"
        if found.stale:
            lower, upper = _widened(lower, upper, estimate, found)
    answer["confidence_bounds"] = list(zip(lower.tolist(), upper.tolist(), strict=True))
    return answer


def _status(winners: Sequence[Any], found: Heard) -> str:
    if not winners:
        return "no data"
    return "stale" if found.stale else "current"


def _widened(
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    estimate: MissingDataInterval | None,
    found: Heard,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both intervals together; no bound at all where the past says too little."""
    unknown = any(math.isinf(age) for age in found.ages.values())
    if estimate is None or unknown:
        return np.full_like(lower, -np.inf), np.full_like(upper, np.inf)
    sure = ~estimate.flagged & np.isfinite(estimate.lower)
    low = np.where(sure, np.fmin(lower, estimate.lower), -np.inf)
    high = np.where(sure, np.fmax(upper, estimate.upper), np.inf)
    return low, high


def _as_dict(estimate: MissingDataInterval | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    names = ("estimate", "lower", "upper", "arrived_mass", "pairs", "flagged")
    found = {name: getattr(estimate, name).tolist() for name in names}
    return {"n": estimate.n, **found, "assumption": estimate.assumption}
