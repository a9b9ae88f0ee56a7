"""An independent, slow and obvious path to the same numbers: whole Python integers.

Checks compare the run with it.  It shares no code with `stats/`: a fault there cannot
hide here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from storage.schema import ShardKey, ShardRow

__all__ = ["OracleMoments", "cluster_interval", "oracle_moments", "plain_winners"]


@dataclass(frozen=True, slots=True)
class OracleMoments:
    """Exact figures of one group, each rounded once; NaN where undefined."""

    n: tuple[int, ...]
    mean: tuple[float, ...]
    variance: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]


def oracle_moments(values: NDArray[np.floating]) -> OracleMoments:
    """Compute moments of the rows of one group in integers.

    Parameters
    ----------
    values : floating array, shape (n, d)
        Finite or NaN; covariances use the rows where both features are present.

    Returns
    -------
    OracleMoments
        Covariances with ddof 1.
    """
    columns = [[float(x) for x in column] for column in values.T]
    shift = max((_shift(x) for c in columns for x in c if not math.isnan(x)), default=0)
    whole = [[_scaled(x, shift) for x in column] for column in columns]
    d = len(columns)
    pairs = [[_pair(whole[i], whole[j]) for j in range(d)] for i in range(d)]
    seen = [[x for x in column if not math.isnan(x)] for column in columns]
    return OracleMoments(
        n=tuple(len(s) for s in seen),
        mean=tuple(_mean(w, shift) for w in whole),
        variance=tuple(_covariance(pairs[i][i], shift) for i in range(d)),
        covariance=tuple(tuple(_covariance(p, shift) for p in row) for row in pairs),
        minimum=tuple(min(s, default=math.nan) for s in seen),
        maximum=tuple(max(s, default=math.nan) for s in seen),
    )


def cluster_interval(
    rows: Iterable[tuple[str, float]], quantile: float
) -> tuple[float, float, float]:
    """Mean of rows with the interval that treats each name as one cluster.

    Parameters
    ----------
    rows : iterable of (cluster name, value)
        Values are finite.
    quantile : float
        Of Student's t with clusters - 1 degrees of freedom.

    Returns
    -------
    mean, lower, upper : float
        NaN bounds below two clusters, all NaN without rows.
    """
    sums: dict[str, list[float]] = {}
    for name, value in rows:
        sums.setdefault(name, []).append(value)
    n = sum(len(found) for found in sums.values())
    if n == 0:
        return math.nan, math.nan, math.nan
    mean = math.fsum(x for found in sums.values() for x in found) / n
    c = len(sums)
    if c < 2:
        return mean, math.nan, math.nan
    scatter = math.fsum((math.fsum(f) - len(f) * mean) ** 2 for f in sums.values())
    half = quantile * math.sqrt(scatter * c / (c - 1)) / n
    return mean, mean - half, mean + half


def plain_winners(rows: Sequence[ShardRow]) -> dict[ShardKey, ShardRow]:
    """Return the highest version of every key; one with two contents counts not."""
    best: dict[ShardKey, list[ShardRow]] = {}
    for row in rows:
        held = best.get(row.key, [])
        mine = (row.version.epoch, row.version.seq)
        top = (held[0].version.epoch, held[0].version.seq) if held else (-1, -1)
        if mine > top:
            best[row.key] = [row]
        elif mine == top:
            held.append(row)
    return {
        key: found[0]
        for key, found in best.items()
        if len({row.sha256 for row in found}) == 1 and found[0].kind == "data"
    }


def _shift(x: float) -> int:
    return x.as_integer_ratio()[1].bit_length() - 1


def _scaled(x: float, shift: int) -> int | None:
    if math.isnan(x):
        return None
    top, bottom = x.as_integer_ratio()
    return top * (1 << shift) // bottom


def _pair(
    a: Sequence[int | None], b: Sequence[int | None]
) -> tuple[int, int, int, int]:
    both = [
        (x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None
    ]
    return (
        len(both),
        sum(x for x, _ in both),
        sum(y for _, y in both),
        sum(x * y for x, y in both),
    )


def _mean(column: Sequence[int | None], shift: int) -> float:
    seen = [x for x in column if x is not None]
    if not seen:
        return math.nan
    return float(Fraction(sum(seen), len(seen) << shift))


def _covariance(pair: tuple[int, int, int, int], shift: int) -> float:
    n, sx, sy, sxy = pair
    if n < 2:
        return math.nan
    return float(Fraction(n * sxy - sx * sy, (n * (n - 1)) << (2 * shift)))
