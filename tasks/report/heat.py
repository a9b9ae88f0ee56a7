"""The heat map of correlations: which groups, in which order, in which colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.figures import place
from tasks.report.palette import HEAT_STEPS

__all__ = ["Heat", "by_site_and_likeness", "heat", "heat_class", "strongest"]

ROW_HEIGHT = 18

Matrix = Sequence[Sequence[float | None]]


def strongest(r: Matrix, limit: int) -> list[int]:
    """Choose the groups with the highest absolute correlation with any other group.

    Returns
    -------
    list of int
        At most `limit` places in `r`, in the order of `r`.
    """
    best = [
        max((abs(_number(x)) for b, x in enumerate(row) if b != a), default=0.0)
        for a, row in enumerate(r)
    ]
    chosen = sorted(range(len(r)), key=lambda a: (-best[a], a))[:limit]
    return sorted(chosen)


def by_site_and_likeness(
    names: Sequence[str], sites: Sequence[str], r: Matrix
) -> list[int]:
    """Order groups by site, inside a site so that neighbours are alike.

    A site starts with the group that is correlated most with the rest of it; then
    comes, again and again, the group closest to the one before.
    """
    order: list[int] = []
    for site in sorted(set(sites)):
        left = sorted(
            (k for k, s in enumerate(sites) if s == site), key=lambda k: names[k]
        )
        current = max(left, key=lambda a: sum(_number(r[a][b]) for b in left if b != a))
        while True:
            order.append(current)
            left.remove(current)
            if not left:
                break
            row = r[current]
            current = max(left, key=lambda b: _number(row[b], missing=-2.0))
    return order


def heat_class(r: float | None) -> str:
    """Name the step of the diverging scale: p1 to p5, n1 to n5, z, or none.

    >>> [heat_class(x) for x in (0.95, 0.6, 0.05, -0.2, None)]
    ['p5', 'p3', 'z', 'n1', 'none']
    """
    if r is None or not math.isfinite(r):
        return "none"
    step = min(HEAT_STEPS, math.floor((abs(r) + 0.1 + 1e-9) / 0.2))
    if step == 0:
        return "z"
    return f"{'p' if r > 0 else 'n'}{step}"


@dataclass(frozen=True, slots=True)
class Heat:
    """A map too large for numbers: one path per colour in units of one cell.

    `missing` are hatched rectangles (x %, width %, y px); `borders` part the sites, as
    (x %, y px).
    """

    size: int
    height: int
    row_height: int
    paths: tuple[tuple[str, str], ...]
    missing: tuple[tuple[str, str, int], ...]
    borders: tuple[tuple[str, int], ...]


def heat(r: Matrix, sites: Sequence[str]) -> Heat:
    """Draw a square matrix; equal neighbours in a row become one rectangle."""
    size = len(r)
    paths: dict[str, list[str]] = {}
    missing = []
    for y, row in enumerate(r):
        for x, width, name in _runs([heat_class(value) for value in row]):
            if name == "none":
                left, wide = 100.0 * x / size, 100.0 * width / size
                missing.append((place(left), place(wide), y * ROW_HEIGHT))
            else:
                paths.setdefault(name, []).append(f"M{x} {y}h{width}v1h-{width}z")
    borders = tuple(
        (place(100.0 * k / size), k * ROW_HEIGHT)
        for k in range(1, size)
        if sites[k] != sites[k - 1]
    )
    return Heat(
        size,
        size * ROW_HEIGHT,
        ROW_HEIGHT,
        tuple((name, "".join(paths[name])) for name in sorted(paths)),
        tuple(missing),
        borders,
    )


def _runs(names: Sequence[str]) -> list[tuple[int, int, str]]:
    runs: list[tuple[int, int, str]] = []
    for k, name in enumerate(names):
        if runs and runs[-1][2] == name:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1, name)
        else:
            runs.append((k, 1, name))
    return runs


def _number(r: float | None, missing: float = 0.0) -> float:
    return missing if r is None or not math.isfinite(r) else r
