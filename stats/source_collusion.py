"""Sources that repeat one another, or move together more than the agents explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy import stats as distributions
from scipy.sparse import csgraph

from stats.fdr import q_values
from stats.source_copies import copied_rows
from stats.source_table import checked_table
from stats.summary import InvalidInput
from stats.within_signal import common_signal, moved_together

__all__ = ["SourceCollusion", "colluding_sources"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Fewer shared agents say nothing about how two sources move.
_FEWEST = 20
# Correlation beside the common signal that a wrong model of it may cause.
_MODEL_ERROR = 0.02
# From this many pairs on, what is usual among them is estimated from them.
_MANY_PAIRS = 30


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SourceCollusion:
    """Which sources do not speak for themselves.

    Attributes
    ----------
    n : int
        Agents.
    first, second : int64 arrays, shape (pairs,)
        Every pair of sources, first < second.
    shared : int64 array, shape (pairs,)
        Agents both spoke about.
    copies : int64 array, shape (pairs,)
        Agents for whom both gave the same ratio that neither gave for another agent.
    correlation : float64 array, shape (pairs,)
        Of what the common signal leaves unexplained; NaN where too few are shared.
    p, q : float64 arrays, shape (pairs,)
        p-value and false discovery rate; NaN where nothing could be tested.
    group : int64 array, shape (s,)
        Position of the first source of one's group; one's own if alone.
    vote : float64 array, shape (s,)
        Suggested share of a vote: a group has one.

    Notes
    -----
    A reason to look, and to count a group once; no proof of anything.
    """

    n: int
    first: Ints
    second: Ints
    shared: Ints
    copies: Ints
    correlation: Floats
    p: Floats
    q: Floats
    group: Ints
    vote: Floats

    def groups(self) -> list[list[int]]:
        """Sources of each group of two or more, ascending."""
        leaders, size = np.unique(self.group, return_counts=True)
        return [
            np.flatnonzero(self.group == leader).tolist()
            for leader in leaders[size > 1]
        ]

    def __repr__(self) -> str:
        return (
            f"SourceCollusion: n={self.n:_} agents | sources={len(self.group)} | "
            f"groups={self.groups()}"
        )


def colluding_sources(table: ArrayLike, *, q: float = 0.01) -> SourceCollusion:
    """Find groups of sources that do not speak for themselves.

    Parameters
    ----------
    table : array_like, shape (agents, sources)
        Ratios as `stats.source_table.source_table` gives them; NaN where a source has
        said nothing.
    q : float
        False discovery rate over all pairs, in (0, 1).

    Returns
    -------
    SourceCollusion

    Raises
    ------
    InvalidInput
        For another shape, infinite ratios, or q outside (0, 1).

    Notes
    -----
    Two signs, the better of which counts, twice its p.  *Copies*: equal ratios, each
    of which its source gave once only.  *Moving together*: correlation beside the
    common signal, see `stats.within_signal`; where 30 pairs or more were tested, the
    scores are divided by their spread below the median if that is larger than 1.
    Sources that all see the same truth do not collude, however much they agree.  With
    fewer than five sources only copies can be told from agreement; where half of them
    collude, the rest look like the group.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.random(2_000) < 0.2
    >>> table = np.where(truth, 2.0, -2.0)[:, None] + rng.standard_normal((2_000, 8))
    >>> table[:, 5] = table[:, 2] + 0.5 * rng.standard_normal(2_000)
    >>> colluding_sources(table).groups()
    [[2, 5]]
    """
    x = checked_table(table, "colluding_sources")
    if not 0.0 < q < 1.0:
        raise InvalidInput(f"colluding_sources: q {q} is not in (0, 1). Give 0.01.")
    sources = x.shape[1]
    first, second = (v.astype(np.int64) for v in np.triu_indices(sources, 1))
    signal = common_signal(x)
    correlation, score = moved_together(
        signal, first, second, fewest=_FEWEST, model_error=_MODEL_ERROR
    )
    copies, p_copies = copied_rows(x, first, second)
    p_moves = distributions.norm.sf(_as_usual(score))
    p = np.fmin(p_moves, p_copies)
    p = np.where(np.isnan(p_moves) | np.isnan(p_copies), p, np.minimum(2.0 * p, 1.0))
    rate = q_values(p)
    group = _connected(first, second, np.nan_to_num(rate, nan=2.0) <= q, sources)
    size = np.bincount(group, minlength=sources)
    return SourceCollusion(
        n=len(x),
        first=first,
        second=second,
        shared=signal.shared[first, second],
        copies=copies,
        correlation=correlation,
        p=p,
        q=rate,
        group=group,
        vote=1.0 / size[group],
    )


def _as_usual(score: Floats) -> Floats:
    """Scores at most as sure as most pairs allow."""
    known = score[~np.isnan(score)]
    if len(known) < _MANY_PAIRS:
        return score
    quarter, centre = np.quantile(known, [0.25, 0.5])
    found: Floats = score / max(1.0, (centre - quarter) / 0.6745)
    return found


def _connected(first: Ints, second: Ints, linked: NDArray[np.bool_], n: int) -> Ints:
    """Position of the first member of what links connect, shape (n,)."""
    a, b = first[linked], second[linked]
    links = sparse.coo_array((np.ones(len(a)), (a, b)), shape=(n, n))
    _, part = csgraph.connected_components(links, directed=False)
    _, leader = np.unique(part, return_index=True)
    found: Ints = leader[part].astype(np.int64)
    return found
