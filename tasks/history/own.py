"""What was usual for a place before the range: nightly means and their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stats.intervals import clustered_mean_interval, usual_range
from tasks.history.record import FeatureNight, HistoryNight, OwnBaseline, known

__all__ = ["mark_outside", "own_baseline"]


def own_baseline(before: Sequence[HistoryNight], d: int) -> tuple[OwnBaseline, ...]:
    """Describe the nights before the range, feature by feature.

    Parameters
    ----------
    before : sequence of HistoryNight
    d : int
        Features.

    Returns
    -------
    tuple of OwnBaseline, length d
    """
    return tuple(_feature([night.features[j] for night in before]) for j in range(d))


def _feature(nights: Sequence[FeatureNight]) -> OwnBaseline:
    seen = [f for f in nights if f.n and f.mean is not None]
    n = np.array([f.n for f in seen], dtype=np.int64)
    mean = np.array([f.mean for f in seen], dtype=np.float64)
    groups = np.zeros(len(seen), dtype=np.int64)
    whole = [float(v[0]) for v in clustered_mean_interval(n, n * mean, groups, 1)]
    usual = [float(v) for v in usual_range(mean)] if len(seen) else [np.nan] * 3
    return OwnBaseline(
        nights=len(seen),
        n=int(n.sum()),
        mean=known(whole[0]),
        lower=known(whole[1]),
        upper=known(whole[2]),
        sd=known(mean.std(ddof=1)) if len(seen) > 1 else None,
        usual_lower=known(usual[0]),
        usual_median=known(usual[1]),
        usual_upper=known(usual[2]),
    )


def mark_outside(night: HistoryNight, own: Sequence[OwnBaseline]) -> HistoryNight:
    """Mark the features whose whole interval lies outside the usual range."""
    features = tuple(
        replace(f, outside=_outside(f, b))
        for f, b in zip(night.features, own, strict=True)
    )
    return replace(night, features=features)


def _outside(feature: FeatureNight, own: OwnBaseline) -> bool:
    if own.usual_lower is None or own.usual_upper is None:
        return False
    above = feature.lower is not None and feature.lower > own.usual_upper
    below = feature.upper is not None and feature.upper < own.usual_lower
    return above or below
