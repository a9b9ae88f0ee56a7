"""What was usual for a place before the range: nightly means and their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stats.anomaly import control_false_discovery
from stats.intervals import clustered_mean_interval, usual_range
from tasks.history.record import FeatureNight, HistoryNight, OwnBaseline, known

__all__ = ["mark_nights", "mark_outside", "own_baseline"]


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
    usual = [float(v) for v in usual_range(mean)] if seen else [np.nan] * 3
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


def mark_nights(
    nights: Sequence[HistoryNight], level: float, null_size: int
) -> tuple[HistoryNight, ...]:
    """Mark the nights that stand out among those of one place.

    Parameters
    ----------
    nights : sequence of HistoryNight
    level : float
        False-discovery rate over the tested nights.
    null_size : int
        Null scores behind every p.

    Returns
    -------
    tuple of HistoryNight

    Notes
    -----
    Benjamini and Hochberg over the tested nights.  p cannot fall below 1 / (1 + m) for
    m null scores; where that alone keeps a single night from being found, a night
    further out than all of them is marked as well, which happens by chance on about
    one night in 1 + m.
    """
    p = np.array([np.nan if night.p is None else night.p for night in nights])
    found = control_false_discovery(p, level)
    tested = int(np.isfinite(p).sum())
    short = tested > 0 and 1.0 / (1 + null_size) > level / tested
    return tuple(
        replace(night, stands_out=bool(hit) or (short and night.extrapolated))
        for night, hit in zip(nights, found, strict=True)
    )
