"""A team's or a site's nights, from the summaries that the nightly run keeps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.anomaly import history_shift
from stats.calibration import TailCounts
from tasks.baselines import Baselines, LevelNights
from tasks.history.record import FeatureNight, HistoryNight, Reference, known

__all__ = ["group_nights"]


def group_nights(
    baselines: Baselines, level: str, label: str, shown: int
) -> tuple[dict[str, HistoryNight], Reference]:
    """Nights of one team or site, and what they are compared with.

    Parameters
    ----------
    baselines : Baselines
        Of all nights, those before the range first.
    level : {"team", "site"}
    label : str
    shown : int
        Nights of the range, at the end.

    Returns
    -------
    nights : dict of night to HistoryNight
        Those with rows, also before the range; only those of the range are tested.
    reference : Reference

    Notes
    -----
    The test is that of the nightly report: all features of the night together against
    the group's own nights, Hotelling's law, calibrated on the leave-one-out scores of
    all groups of the level.  Here the nights are those before the range, for every
    night of it.
    """
    groups = baselines.team if level == "team" else baselines.site
    k = groups.labels.index(label)
    around = _around(baselines, level, label)
    past = groups.cells[:-shown]
    tests, size = _test(groups, k, shown)
    nights: dict[str, HistoryNight] = {}
    for i, night in enumerate(baselines.nights):
        rows = int(groups.n[i, k].max())
        if not groups.agents[i, k]:
            continue
        test = tests.get(i)
        nights[night] = HistoryNight(
            night=night,
            state="present",
            n=rows,
            agents=int(groups.agents[i, k]),
            features=_features(groups, i, k, around[i], past[:, k], test),
            distance=known(test[0]) if test else None,
            log_p=known(test[1]) if test else None,
            p=known(test[2]) if test else None,
            extrapolated=bool(test and test[3]),
        )
    before = tuple(n for n in baselines.nights[:-shown] if n in nights)
    d = groups.cells.shape[2]
    why = ""
    if len(before) < 2 * d + 2:
        why = f"{2 * d + 2} nights before the range are needed, there are {len(before)}"
    return nights, Reference(before, before, size, why)


def _around(baselines: Baselines, level: str, label: str) -> NDArray[np.float64]:
    """Nightly means of what the group lies in, (nights, d)."""
    if level == "site":
        return baselines.all.mean[:, 0]
    site = baselines.site
    return site.mean[:, site.labels.index(label.split("/", 1)[0])]


_Test = tuple[float, float, float, bool, NDArray[np.float64]]


def _test(groups: LevelNights, k: int, shown: int) -> tuple[dict[int, _Test], int]:
    """Distance, log p, p, extrapolated and shares of each night of the range."""
    past = groups.cells[:-shown]
    if not len(past):
        return {}, 0
    found: dict[int, _Test] = {}
    size = 0
    for i in range(len(past), len(groups.cells)):
        shift = history_shift(past, groups.cells[i])
        null = shift.null_log_p.ravel()
        pool = TailCounts.from_block(null, np.zeros(len(null), dtype=np.int64), 1)
        one, zero = shift.log_p[k : k + 1], np.zeros(1, dtype=np.int64)
        p = pool.calibrate(one, zero)[0] if pool.size[0] else np.nan
        beyond = bool(pool.beyond(one, zero)[0])
        shares = shift.contributions[k]
        found[i] = (float(shift.d2[k]), float(one[0]), float(p), beyond, shares)
        size = int(pool.size[0])
    return found, size


def _features(
    groups: LevelNights,
    i: int,
    k: int,
    around: NDArray[np.float64],
    past: NDArray[np.float64],
    test: _Test | None,
) -> tuple[FeatureNight, ...]:
    """Figures of one night; residuals from the group's own mean before the range."""
    centre, spread = _own(past)
    residual = groups.cells[i, k] - centre
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = residual / spread
    shares = test[4] if test else np.full(len(centre), np.nan)
    return tuple(
        FeatureNight(
            n=int(groups.n[i, k, j]),
            mean=known(groups.mean[i, k, j]),
            lower=known(groups.lower[i, k, j]),
            upper=known(groups.upper[i, k, j]),
            around=known(around[j]),
            residual=known(residual[j]),
            steps=known(steps[j]),
            share=known(shares[j]),
        )
        for j in range(len(centre))
    )


def _own(past: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation per feature over nights, NaN below two."""
    seen = np.isfinite(past)
    n = seen.sum(axis=0)
    total = np.where(seen, past, 0.0).sum(axis=0)
    mean = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    squares = (np.where(seen, past - mean, 0.0) ** 2).sum(axis=0)
    return mean, np.where(n > 1, np.sqrt(squares / np.maximum(n - 1, 1)), np.nan)
