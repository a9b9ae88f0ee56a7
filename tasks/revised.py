"""What a revision of a night moved: which figures, and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.results import read_results
from storage.store import BehaviorStore
from tasks.baseline_dataset import baseline_dataset
from tasks.night import Night
from tasks.publish import Published
from tasks.report.revision_rows import Figure, MovedFigure, Revised

__all__ = ["compare_revisions"]

Floats = NDArray[np.float64]

# Moved figures that are named one by one; all are counted.
_NAMED = 40
_LEVELS = ("all", "site", "team")
_FIGURES: tuple[Figure, ...] = ("tonight", "window")


def compare_revisions(store: BehaviorStore, before: Published, night: Night) -> Revised:
    """Compare the means of a night with those of an earlier revision of it.

    Parameters
    ----------
    store : BehaviorStore
        Holds the earlier revision.
    before : Published
    night : Night
        As it was computed now.
    """
    old = read_results(store, f"runs/{before.night}/r{before.revision}/baselines")
    new = {str(k): v.values for k, v in baseline_dataset(night).variables.items()}
    groups = sorted({*map(str, old["group"]), *map(str, new["group"])})
    level = _levels(old) | _levels(new)
    found: list[MovedFigure] = []
    compared = 0
    for j, feature in enumerate(night.schema.features):
        if feature.name not in list(old["feature"]):
            continue
        i = list(old["feature"]).index(feature.name)
        for figure in _FIGURES:
            was, is_now = _figures(old, i, figure), _figures(new, j, figure)
            compared += len(groups)
            for name in groups:
                first, second = was.get(name, _NOTHING), is_now.get(name, _NOTHING)
                if not np.array_equal(first[0], second[0], equal_nan=True):
                    found.append(
                        MovedFigure(
                            level[name], name, feature.name, feature.unit, figure,
                            _plain(first[0]), _plain(second[0]), _widths(first, second),
                        )
                    )  # fmt: skip
    found.sort(key=_order)
    return Revised(before.revision, compared, len(found), tuple(found[:_NAMED]))


_NOTHING = np.full(3, np.nan)


def _levels(arrays: dict[str, NDArray[Any]]) -> dict[str, str]:
    return dict(zip(map(str, arrays["group"]), map(str, arrays["level"]), strict=True))


def _figures(
    arrays: dict[str, NDArray[Any]], feature: int, figure: Figure
) -> dict[str, Floats]:
    """Mean with its bounds by group."""
    if figure == "tonight":
        parts = [arrays[f"nightly_{part}"][-1] for part in ("mean", "lower", "upper")]
    else:
        parts = [arrays[name] for name in ("mean", "mean_lower", "mean_upper")]
    rows = np.stack([part[:, feature] for part in parts], axis=1)
    return dict(zip(map(str, arrays["group"]), rows, strict=True))


def _widths(before: Floats, now: Floats) -> float | None:
    width = before[2] - before[1]
    if not (np.isfinite(width) and width > 0):
        return None
    return _plain((now[0] - before[0]) / width)


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _order(figure: MovedFigure) -> tuple[int, float, str, str]:
    far = np.inf if figure.widths is None else abs(figure.widths)
    level = _LEVELS.index(figure.level)
    return level, -float(far), figure.group, figure.feature
