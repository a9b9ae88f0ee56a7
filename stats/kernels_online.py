"""Baselines of the online tree: score a row, take it in, join two, factor.

A baseline is one row of floats: n, the mean (d) and the co-moments Σ(x_i-μ_i)(x_j-μ_j),
lower triangle, column by column; then a cache of them: with a prior P added,
C + P = L D Lᵀ, as 1/D (d) and the columns of the unit triangle L below its diagonal.
"""

from __future__ import annotations

import numpy as np

from stats.compiled import compiled, inlined

__all__ = [
    "absorb",
    "add",
    "clear",
    "distance",
    "factor",
    "join",
    "marginal",
    "moments",
]

# Pivots below this share of their feature's own co-moment are rounding errors.
_NOISE = 8.0 * 2.0**-52


@inlined
def moments(d):  # type: ignore[no-untyped-def]  # compiled
    """Length of n, mean and co-moments; what follows is the factor."""
    return 1 + d + d * (d + 1) // 2


@compiled
def clear(row, d, prior):  # type: ignore[no-untyped-def]  # compiled
    """Make a baseline of nothing: its factor is that of the prior."""
    row[:] = 0.0
    if row.size > moments(d):
        for j in range(d):
            row[moments(d) + j] = 1.0 / prior[j]


@compiled
def add(row, x, move):  # type: ignore[no-untyped-def]  # compiled
    """Take a complete row into n, mean and co-moments; its distance stays in `move`."""
    d = x.size
    more = row[0] + 1.0
    share = row[0] / more
    for j in range(d):
        move[j] = x[j] - row[1 + j]
        row[1 + j] += move[j] / more
    row[0] = more
    at = 1 + d
    for j in range(d):
        scaled = share * move[j]
        for i in range(d - j):
            row[at + i] += scaled * move[j + i]
        at += d - j


@compiled
def absorb(row, x, move):  # type: ignore[no-untyped-def]  # compiled
    """Score a complete row, then take it in: mean, co-moments and factor.

    Parameters
    ----------
    row : float64 array
        A baseline; changed.
    x : float64 array, shape (d,)
        Finite.
    move : float64 array, shape (d,)
        Scratch.

    Returns
    -------
    float
        (n-1) (x-μ)ᵀ (C+P)⁻¹ (x-μ) before the row was taken in; NaN for n <= d.

    Notes
    -----
    C' = C + n/(n+1) δδᵀ, so L and D change by rank one.  A pivot that rounding decides
    is raised to what rounding can have done, here and in `factor`: a feature that is
    constant given the others stays finite, and no rounding error is an alarm.  Column
    by column, eliminating with the old L leaves p with Σ p_j²/D_j the distance: one
    pass does both.
    Sources: Welford, Technometrics 4 (1962); Gill, Golub, Murray, Saunders,
    Mathematics of Computation 28 (1974), method C1.
    Naive twin: tests/stats/test_kernels_online.py.
    """
    d = x.size
    n = row[0]
    add(row, x, move)
    if n == 0.0:
        return np.nan
    t, s = (n + 1.0) / n, 0.0
    pivot, own = moments(d), 1 + d
    at = pivot + d
    for j in range(d):
        p = move[j]
        e = row[pivot + j]
        if e * (_NOISE * d * row[own]) > 1.0:
            e = 1.0 / (_NOISE * d * row[own])
        own += d - j
        q = p * e
        s += p * q
        larger = t + p * q
        row[pivot + j] = e * t / larger
        inverse = q / larger
        t = larger
        for i in range(d - j - 1):
            column = row[at + i]
            rest = move[j + 1 + i] - p * column
            move[j + 1 + i] = rest
            row[at + i] = column + inverse * rest
        at += d - j - 1
    return (n - 1.0) * s if n > d else np.nan


@compiled
def distance(row, x, move):  # type: ignore[no-untyped-def]  # compiled
    """Score a complete row as `absorb` does, and change nothing."""
    d = x.size
    n = row[0]
    if n <= d:
        return np.nan
    for j in range(d):
        move[j] = x[j] - row[1 + j]
    pivot, own = moments(d), 1 + d
    at = pivot + d
    s = 0.0
    for j in range(d):
        p = move[j]
        e = row[pivot + j]
        if e * (_NOISE * d * row[own]) > 1.0:
            e = 1.0 / (_NOISE * d * row[own])
        own += d - j
        s += p * p * e
        for i in range(d - j - 1):
            move[j + 1 + i] -= p * row[at + i]
        at += d - j - 1
    return (n - 1.0) * s


@compiled
def marginal(row, x, prior, columns, part):  # type: ignore[no-untyped-def]  # compiled
    """Score the features that are finite, by their own part of the co-moments.

    Parameters
    ----------
    row : float64 array
    x : float64 array, shape (d,)
    prior : float64 array, shape (d,)
    columns : int64 array, shape (d,)
    part : float64 array, shape (1 + 5 d + d²,)
        Scratch, both.

    Returns
    -------
    float
        NaN for n not above the number of finite features, and without any.
    """
    d, k = x.size, 0
    for j in range(d):
        if np.isfinite(x[j]):
            columns[k] = j
            k += 1
    n = row[0]
    if k == 0 or n <= k:
        return np.nan
    small = part[: moments(k) + k + k * (k - 1) // 2]
    chosen = part[small.size : small.size + k]
    own = part[small.size + k : small.size + 2 * k]
    scratch = part[small.size + 2 * k : small.size + 3 * k]
    small[0] = n
    at = 1 + k
    for j in range(k):
        first = columns[j]
        small[1 + j], chosen[j], own[j] = row[1 + first], x[first], prior[first]
        start = 1 + d + first * d - first * (first - 1) // 2
        for i in range(j, k):
            small[at] = row[start + columns[i] - first]
            at += 1
    factor(small, k, own)
    return distance(small, chosen, scratch)


@compiled
def join(into, other, d, move):  # type: ignore[no-untyped-def]  # compiled
    """Add n, mean and co-moments of another baseline; the factor is left behind.

    Source: Chan, Golub, LeVeque, The American Statistician 37 (1983).
    """
    a, b = into[0], other[0]
    if b == 0.0:
        return
    n = a + b
    for j in range(d):
        move[j] = other[1 + j] - into[1 + j]
        into[1 + j] += move[j] * (b / n)
    into[0] = n
    at = 1 + d
    for j in range(d):
        scaled = a * (b / n) * move[j]
        for i in range(d - j):
            into[at + i] += other[at + i] + scaled * move[j + i]
        at += d - j


@compiled
def factor(row, d, prior):  # type: ignore[no-untyped-def]  # compiled
    """Factor co-moments and prior anew, column by column; pivots as in `absorb`."""
    pivot = moments(d)
    at, from_ = pivot + d, 1 + d
    for j in range(d):
        own = row[from_] + prior[j]
        least = max(prior[j], _NOISE * d * own)
        column = at
        for i in range(d - j - 1):
            row[column + i] = row[from_ + 1 + i]
        back = pivot + d  # column k of L, which holds its rows from k + 1 on
        for k in range(j):
            entry = row[back + j - k - 1]
            scaled = entry / row[pivot + k]
            own -= scaled * entry
            for i in range(d - j - 1):
                row[column + i] -= scaled * row[back + j - k + i]
            back += d - k - 1
        own = max(own, least)
        row[pivot + j] = 1.0 / own
        for i in range(d - j - 1):
            row[column + i] /= own
        at += d - j - 1
        from_ += d - j
