"""Sources that copy from each other: they make the same mistakes."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy import stats as distributions
from scipy.sparse import csgraph

from stats.fdr import control_false_discovery
from stats.label_mistakes import Mistakes, PairCounts
from stats.label_model import LabelModel
from stats.label_parts import LabelParts

__all__ = ["linked_sources"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Fewer shared mistakes say nothing, whatever their probability.
_FEWEST = 3
# From this many pairs on, what is usual among them is estimated from them.
_MANY_PAIRS = 30


def linked_sources(parts: LabelParts, model: LabelModel, *, q: float = 0.01) -> Ints:
    """Group sources that share more wrong answers than hard tasks explain.

    Parameters
    ----------
    parts : LabelParts
    model : LabelModel
        Under which each task is taken for its most probable class.
    q : float
        False-discovery rate over all pairs with a task in common.

    Returns
    -------
    int64 array, shape (s,)
        Position of the first source of one's group; one's own position if alone.

    Notes
    -----
    Good sources agree anyway, so tasks that both got right prove nothing: of the tasks
    on which either erred, those count on which both gave the same wrong answer.  Two
    sources err on one task with the probability at which other pairs do on it, times
    their own error rates over the usual ones; so a task that misleads everybody
    accuses nobody.  The tail is binomial.  From 30 pairs on, its normal scores are
    centred and scaled by their median and lower quartile, never to more certainty;
    many copies raise only the upper half.  Groups are what discoveries connect.  Work
    grows with the sum of squared answers per task, memory with pairs of sources that
    meet.
    """
    (mistakes,) = parts.totals([partial(Mistakes.from_part, model=model)])
    alone = np.arange(mistakes.answers.size, dtype=np.int64)
    if not mistakes.wrong.any():
        return alone
    count = partial(PairCounts.from_part, model=model, mistakes=mistakes)
    (counted,) = parts.totals([count])
    first, second, shared, either, rate = _pairs(mistakes, counted)
    if not first.size:
        return alone
    score = _scores(shared, either, rate)
    p = np.where(shared >= _FEWEST, distributions.norm.sf(score), 1.0)
    found = control_false_discovery(p, q)
    links = sparse.coo_array(
        (np.ones(int(found.sum())), (first[found], second[found])),
        shape=(alone.size, alone.size),
    )
    _, group = csgraph.connected_components(links, directed=False)
    _, leader = np.unique(group, return_index=True)
    return leader[group].astype(np.int64)


def _pairs(
    mistakes: Mistakes, counted: PairCounts
) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Pairs that meet: equal mistakes, tasks with any mistake, the usual ratio."""
    found = counted.common.tocoo()
    at = (found.row.astype(np.int64), found.col.astype(np.int64))
    common, right, shared, equal, both = counted.at(at)
    error = (mistakes.wrong + 0.5) / (mistakes.answers + 1.0)
    usual = np.average(error, weights=mistakes.answers)
    scale = error[at[0]] * error[at[1]] / usual**2
    either = common * (error[at[0]] + error[at[1]]) - both * scale
    rate = np.clip(equal * scale / np.maximum(either, 1e-12), 1e-12, 1.0)
    return (*at, shared, common - right, rate)


def _scores(shared: Floats, either: Floats, rate: Floats) -> Floats:
    """Normal scores of the binomial tails, at most as sure as most pairs allow."""
    tail = distributions.binom.sf(shared, either, rate)
    tail += distributions.binom.pmf(shared, either, rate) / 2.0
    score = distributions.norm.isf(np.clip(tail, 1e-300, 1.0 - 1e-16))
    if score.size >= _MANY_PAIRS:
        quarter, centre = (float(x) for x in np.quantile(score, [0.25, 0.5]))
        spread = (centre - quarter) / 0.6745
        score = (score - max(0.0, centre)) / max(1.0, spread)
    return np.asarray(score, np.float64)
