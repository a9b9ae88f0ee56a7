"""Sources that copy from each other: they make the same mistakes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy import stats as distributions
from scipy.sparse import csgraph

from stats.fdr import control_false_discovery
from stats.label_rows import LabelRows

__all__ = ["linked_sources", "vote_shares"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Pairs of a task that its own rate of shared mistakes must outweigh.
_KAPPA = 3.0
# Fewer shared mistakes say nothing, whatever their probability.
_FEWEST = 3
# From this many pairs on, what is usual among them is estimated from them.
_MANY_PAIRS = 30


def linked_sources(
    rows: LabelRows, believed: Ints, *, q: float = 0.01, block_tasks: int = 65_536
) -> Ints:
    """Group sources that share more wrong answers than hard tasks explain.

    Parameters
    ----------
    rows : LabelRows
    believed : int64 array, shape (t,)
        The class each task is taken for.
    q : float
        False-discovery rate over all pairs with a task in common.
    block_tasks : int
        Tasks looked at in one go.

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
    n_sources = rows.sources.size
    alone = np.arange(n_sources, dtype=np.int64)
    wrong = rows.label != believed[rows.task]
    if not wrong.any():
        return alone
    first, second, shared, either, rate = _pairs(rows, wrong, block_tasks)
    if not first.size:
        return alone
    score = _scores(shared, either, rate)
    p = np.where(shared >= _FEWEST, distributions.norm.sf(score), 1.0)
    found = control_false_discovery(p, q)
    links = sparse.coo_array(
        (np.ones(int(found.sum())), (first[found], second[found])),
        shape=(n_sources, n_sources),
    )
    _, group = csgraph.connected_components(links, directed=False)
    _, leader = np.unique(group, return_index=True)
    return leader[group].astype(np.int64)


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


def _pairs(
    rows: LabelRows, wrong: NDArray[np.bool_], block_tasks: int
) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Pairs that meet: equal mistakes, tasks with any mistake, the usual ratio."""
    n = rows.n_classes
    answers = np.bincount(rows.source, minlength=rows.sources.size)
    mistakes = np.bincount(rows.source[wrong], minlength=rows.sources.size)
    equal_rate, equal_own = _task_rates(rows, wrong, by_label=True)
    both_rate, both_own = _task_rates(rows, wrong, by_label=False)
    total: list[sparse.csr_array] = []
    for tasks in rows.blocks(block_tasks):
        said = rows.matrix(tasks, np.ones(rows.task.size))
        missed = rows.matrix(tasks, wrong.astype(np.float64))
        given, missing = _by_source(said, n), _by_source(missed, n)
        part = [
            _upper(given),
            _upper(given - missing),
            _same_label(missed, n),
            _upper(given, equal_rate[tasks]) - _same_label(missed, n, equal_own[tasks]),
            _upper(given, both_rate[tasks]) - _upper(missing, both_own[tasks]),
        ]
        total = [a + b for a, b in zip(total, part, strict=True)] if total else part
    found = total[0].tocoo()
    at = (found.row.astype(np.int64), found.col.astype(np.int64))
    common, right, shared, equal, both = (np.asarray(x.tocsr()[at]) for x in total)
    error = (mistakes + 0.5) / (answers + 1.0)
    scale = error[at[0]] * error[at[1]] / np.average(error, weights=answers) ** 2
    either = common * (error[at[0]] + error[at[1]]) - both * scale
    rate = np.clip(equal * scale / np.maximum(either, 1e-12), 1e-12, 1.0)
    return (*at, shared, common - right, rate)


def _task_rates(
    rows: LabelRows, wrong: NDArray[np.bool_], *, by_label: bool
) -> tuple[Floats, Floats]:
    """Share of pairs of a task that err (alike), and what one such pair adds to it."""
    answers = np.diff(rows.start)
    pairs = answers * (answers - 1.0) / 2.0
    n = rows.n_classes
    key = rows.task * n + rows.label if by_label else rows.task
    found = np.bincount(key[wrong], minlength=rows.tasks.size * (n if by_label else 1))
    hits = (found * (found - 1.0) / 2.0).reshape(rows.tasks.size, -1).sum(axis=1)
    usual = hits.sum() / max(pairs.sum(), 1.0)
    own = 1.0 / (np.maximum(pairs, 1.0) - 1.0 + _KAPPA)
    return (hits + _KAPPA * usual) * own, own


def _by_source(cells: sparse.csr_array, n_classes: int) -> sparse.csr_array:
    """Add up the cells of every source."""
    size = cells.shape[1]
    ones = (np.ones(size), (np.arange(size), np.arange(size) // n_classes))
    return cells @ sparse.csr_array(ones, shape=(size, size // n_classes))


def _upper(left: sparse.csr_array, weight: Floats | None = None) -> sparse.csr_array:
    """Pairs of columns, each once, that meet in rows."""
    right = left if weight is None else sparse.diags_array(weight) @ left
    found: sparse.csr_array = sparse.triu(left.T @ right, k=1, format="csr")
    return found


def _same_label(
    missed: sparse.csr_array, n_classes: int, weight: Floats | None = None
) -> sparse.csr_array:
    """Pairs of sources that made the same mistake."""
    parts = [_upper(missed[:, label::n_classes], weight) for label in range(n_classes)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def vote_shares(rows: LabelRows, group: Ints) -> Floats:
    """Share of a vote per answer: linked sources split one in every task.

    Parameters
    ----------
    rows : LabelRows
    group : int64 array, shape (s,)
        As `linked_sources` gives it.

    Returns
    -------
    float64 array, shape (n,)
        In (0, 1]; the shares of a group in a task sum to 1.
    """
    key = rows.task * max(rows.sources.size, 1) + group[rows.source]
    _, at, size = np.unique(key, return_inverse=True, return_counts=True)
    found: Floats = 1.0 / size[at]
    return found
