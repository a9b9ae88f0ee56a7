"""Suspected cliques of agents that move together, each with its significance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.clique_null import ShiftedCliques, uncorrelated, unit_rows
from stats.fdr import q_values
from stats.summary import InvalidInput, NotEnoughData
from stats.top_pairs import top_correlated_pairs

__all__ = ["Cliques", "find_cliques"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

# Steps that each half needs.
_HALF = 6
# Pairs of independent agents that pass as candidates, per agent: few enough that they
# hardly ever touch.
_FALSE_PAIRS = 0.05
# Candidate pairs per agent that are looked at.
_PAIRS = 20
# Draws of independent cliques per question.
_DRAWS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Cliques:
    """Candidate cliques by rising p, found or not.

    Attributes
    ----------
    agents : int
        Series that could be in a clique.
    offsets : int64 array, shape (c + 1,)
    members : int64 array, shape (offsets[-1],)
        Clique k is ``members[offsets[k]:offsets[k + 1]]``: positions of series, rising.
    member_r : float64 array, shape (offsets[-1],)
        Correlation of each member with the sum of the others, in the second half; about
        0 for one who joined by chance, NaN for one without data there.
    size : int64 array, shape (c,)
        Members that could be tested.
    mean_r : float64 array, shape (c,)
        Mean correlation over their pairs in the half of the steps that they were not
        found in: not inflated by the search.
    variance : float64 array, shape (c,)
        Variance of their sum over that of independent members, 1 + (size - 1) mean_r.
    log_p, p, q_value : float64 arrays, shape (c,)
        NaN where fewer than two members have data in the second half.
    found : bool array, shape (c,)
        Whether the clique is a discovery.
    truncated : bool
        More pairs moved together than are looked at; the strongest were.  Something
        common to many agents has not been taken out of the series.
    """

    agents: int
    offsets: Ints
    members: Ints
    member_r: Floats
    size: Ints
    mean_r: Floats
    variance: Floats
    log_p: Floats
    p: Floats
    q_value: Floats
    found: NDArray[np.bool_]
    truncated: bool

    def of(self, k: int) -> Ints:
        """Members of clique k."""
        return self.members[self.offsets[k] : self.offsets[k + 1]]

    def __repr__(self) -> str:
        largest = int(self.size[self.found].max(initial=0))
        return (
            f"Cliques: n={self.agents:_} | found={int(self.found.sum())} of "
            f"{len(self.size)} candidates | largest={largest}"
        )


def find_cliques(
    series: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    q: float = 0.05,
    gap: int = 5,
) -> Cliques:
    """Find groups of agents whose residuals move together, and test each.

    Parameters
    ----------
    series : array_like, shape (n, T) or (n, T, d)
        Residuals along time: what site, team and night have in common, and the agent's
        own level, taken out.  NaN and infinities are missing.  T is at least 17 with
        the default gap.
    groups : integer array_like, shape (n,), optional
        Where to look: pairs across two groups are not, -1 leaves an agent out.  One
        group of all by default; up to some 20,000 agents each keep below 1 GB.
    rng : numpy.random.Generator
        Draws the shifts: an equal state gives an equal answer.
    q : float
        Largest expected share of false cliques among those found, in (0, 1).
    gap : int
        Steps left out between the two halves, so that memory does not carry over: a gap
        of 2 lets pairs with coefficients of 0.6 pass 1.2 times as often as stated.

    Returns
    -------
    Cliques

    Raises
    ------
    InvalidInput
        When shapes do not fit or q is outside (0, 1).
    NotEnoughData
        When there are too few steps for two halves.

    Notes
    -----
    Cliques are grown in the first half of the steps and tested in the second, so that
    the test knows nothing of the search.  Pairs above a threshold (Fisher's z, for the
    length that circular shifts say a series is worth) that independent agents would
    pass 0.05 n times are the seeds, strongest first; the free agent that correlates
    most with the sum of a clique joins it while that exceeds the same threshold.  An
    agent is in one clique.  In the second half the mean correlation r of m members,
    that is (V / m - 1) / (m - 1) for the variance V of their sum, is compared with
    cliques of shifted series (`stats.clique_null.ShiftedCliques`), and the p-values of
    all candidates with each other (Benjamini and Hochberg).

    Correlated features are mixed so that they are not, each correlation is divided by
    the sd that shifts give to it for the memory of these agents, and the null law is
    widened if unshifted pairs are spread more than shifted ones.  Where memory differs
    much between agents (none, and coefficients of 0.8), false alarms are 1.5 to 2 times
    as frequent as stated.

    About one clique in ten has a member by chance: `member_r` shows it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 60))
    >>> x[:4] += 2 * rng.standard_normal(60)
    >>> cliques = find_cliques(x, rng=rng)
    >>> cliques.of(0), bool(cliques.found[0])
    (array([0, 1, 2, 3]), True)
    """
    x, codes = _checked(series, groups, q)
    steps = x.shape[1]
    half = (steps - gap) // 2
    if half < _HALF or gap < 0:
        raise NotEnoughData(
            f"find_cliques: {steps} steps with a gap of {gap} leave {half} in a half. "
            f"Give at least {2 * _HALF + max(gap, 0)} steps."
        )
    parts = []
    for group in np.unique(codes[codes >= 0]):
        where = np.flatnonzero(codes == group)
        parts.append(_search(x[where, :half], x[where, steps - half :], where, rng))
    return _collect(parts, q)


class _Part(NamedTuple):
    """Candidates of one group."""

    agents: int
    cliques: list[Ints]
    member_r: list[Floats]
    size: Ints
    mean_r: Floats
    log_p: Floats
    truncated: bool


def _search(
    first: NDArray[np.generic],
    second: NDArray[np.generic],
    where: Ints,
    rng: np.random.Generator,
) -> _Part:
    """Grow cliques in one half and test them in the other."""
    mix = uncorrelated(unit_rows(first)[0])
    rows, usable = unit_rows(first, mix)
    place = np.flatnonzero(usable)
    n = len(place)
    if n < 3:
        return _Part(n, [], [], np.zeros(0, np.int64), np.zeros(0), np.zeros(0), False)
    rows = rows[place]
    length = ShiftedCliques(rows, _DRAWS, rng).effective_length()
    chance = min(0.5, 2.0 * _FALSE_PAIRS / (n - 1))
    z = -float(special.ndtri(chance))
    least = float(np.tanh(z / np.sqrt(max(length - 3.0, 1.0))))
    flat = rows.reshape(n, -1).astype(np.float32)
    pairs = top_correlated_pairs(flat, _PAIRS * n, least=least)
    cliques = [place[members] for members in _grow(flat, pairs.i, pairs.j, least)]
    tested, tried = unit_rows(second, mix)
    null = ShiftedCliques(tested[tried], _DRAWS, rng)
    tests = _test(tried, cliques, null)
    truncated = len(pairs.i) == _PAIRS * n
    return _Part(n, [where[c] for c in cliques], *tests, truncated)


def _grow(rows: Singles, i: Ints, j: Ints, least: float) -> list[Ints]:
    """Cliques from pairs by falling correlation; an agent is in one at most."""
    free = np.ones(len(rows), dtype=bool)
    found = []
    for a, b in zip(i, j, strict=True):
        if not (free[a] and free[b]):
            continue
        members = [int(a), int(b)]
        free[members] = False
        with_sum = rows @ (rows[a] + rows[b])
        square = 2.0 + 2.0 * float(rows[a] @ rows[b])
        while True:
            best = int(np.argmax(np.where(free, with_sum, -np.inf)))
            if not free[best] or with_sum[best] < least * np.sqrt(square):
                break
            square += 1.0 + 2.0 * float(with_sum[best])
            with_sum += rows @ rows[best]
            free[best] = False
            members.append(best)
        found.append(np.sort(np.array(members, dtype=np.int64)))
    return found


def _test(
    usable: NDArray[np.bool_], cliques: list[Ints], null: ShiftedCliques
) -> tuple[list[Floats], Ints, Floats, Floats]:
    """Correlation of each member, how many have data, their mean r, and its log p."""
    place = np.cumsum(usable) - 1
    there = [place[c[usable[c]]] for c in cliques]
    size = np.array([len(c) for c in there], dtype=np.int64)
    mean_r, t, log_p = np.full((3, len(cliques)), np.nan)
    member_r = [np.full(len(c), np.nan) for c in cliques]
    for k in np.flatnonzero(size >= 2):
        mean_r[k], sd, member_r[k][usable[cliques[k]]] = null.observe(there[k])
        t[k] = mean_r[k] / sd
    sizes = np.unique(size[size >= 2])
    widening = null.widening() if len(sizes) else 1.0
    for m in sizes:
        log_p[size == m] = null.log_p(int(m), t[size == m], widening)
    return member_r, size, mean_r, log_p


def _collect(parts: list[_Part], q: float) -> Cliques:
    """One family of all candidates, by rising p."""
    cliques = [c for part in parts for c in part.cliques]
    none = np.zeros(0)
    mean_r = np.concatenate([none, *(part.mean_r for part in parts)])
    log_p = np.concatenate([none, *(part.log_p for part in parts)])
    size = np.concatenate([none, *(part.size for part in parts)]).astype(np.int64)
    first = np.array([c[0] for c in cliques], dtype=np.int64)
    order = np.lexsort((first, log_p))
    member_r = [r for part in parts for r in part.member_r]
    ranked = [cliques[k] for k in order]
    mean_r, log_p, size = mean_r[order], log_p[order], size[order]
    p = np.exp(log_p)
    adjusted = q_values(p)
    return Cliques(
        agents=sum(part.agents for part in parts),
        offsets=np.cumsum([0, *map(len, ranked)]),
        members=np.concatenate([np.zeros(0, np.int64), *ranked]),
        member_r=np.concatenate([none, *(member_r[k] for k in order)]),
        size=size,
        mean_r=mean_r,
        variance=1.0 + (size - 1) * mean_r,
        log_p=log_p,
        p=p,
        q_value=adjusted,
        found=np.nan_to_num(adjusted, nan=2.0) <= q,
        truncated=any(part.truncated for part in parts),
    )


def _checked(
    series: ArrayLike, groups: ArrayLike | None, q: float
) -> tuple[NDArray[np.generic], Ints]:
    x = np.asarray(series)
    x = x[..., None] if x.ndim == 2 else x
    codes = np.zeros(len(x), np.int64) if groups is None else np.asarray(groups)
    if x.ndim != 3 or x.dtype.kind not in "biuf" or codes.shape != x.shape[:1]:
        raise InvalidInput(
            f"find_cliques: series {x.shape} {x.dtype} and groups {codes.shape} do not "
            "fit. Give real numbers (n, T) or (n, T, d), and one group for each of n."
        )
    if not 0.0 < q < 1.0:
        raise InvalidInput(f"find_cliques: q {q} is not in (0, 1). Give 0.05 for 5 %.")
    return x, codes.astype(np.int64)
