"""How far answers may be believed, chosen without a single known label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.label_model import LabelModel
from stats.label_rows import LabelRows
from stats.logspace import log_softmax

__all__ = ["TEMPERINGS", "choose_tempering"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# From full belief in independence down to one answer in twenty.
TEMPERINGS: Floats = np.geomspace(1.0, 0.05, 14)


def choose_tempering(
    rows: LabelRows,
    models: Sequence[LabelModel],
    share: Floats,
    group: Ints,
    *,
    block_tasks: int = 65_536,
) -> float:
    """Tempering under which the others predict each answer best.

    Parameters
    ----------
    rows : LabelRows
    models : sequence of LabelModel
        The i-th was fitted without tempering and without tasks at positions i, i + m,
        i + 2 m ... for m models, and judges those.
    share : float64 array, shape (n,)
        As `stats.label_copies.vote_shares` gives it.
    group : int64 array, shape (s,)
        Linked sources, as `stats.label_copies.linked_sources` gives them.
    block_tasks : int
        Tasks looked at in one go.

    Returns
    -------
    float
        One of `TEMPERINGS`; 1 where no task has answers of two groups.

    Notes
    -----
    Every answer is left out together with those of its whole group, since a copy
    would predict it perfectly; the rest of the task gives a tempered posterior, and
    that a probability of the answer.  The mean logarithm, by share, is maximised.
    Who is over-confident is surprised by the others, and a model that was fitted to
    too few answers by tasks it has not seen.
    """
    confusion = np.stack([model.log_confusion for model in models])
    prior = np.stack([model.log_prior for model in models])
    score = np.zeros((TEMPERINGS.size, rows.task.size))
    for tasks in rows.blocks(block_tasks):
        _score_block(rows, confusion, prior, share, group, tasks, score)
    total = (score * share).sum(axis=1)
    return float(TEMPERINGS[int(np.argmax(total))])


def _score_block(
    rows: LabelRows,
    confusion: Floats,
    prior: Floats,
    share: Floats,
    group: Ints,
    tasks: slice,
    score: Floats,
) -> None:
    """Fill in the log-probability of every answer of a block at every tempering."""
    first, last = int(rows.start[tasks.start]), int(rows.start[tasks.stop])
    if first == last:
        return
    task, source = rows.task[first:last], rows.source[first:last]
    own = confusion[task % len(confusion), source, :, rows.label[first:last]]
    key = task * rows.sources.size + group[source]
    order = np.argsort(key, kind="stable")
    segments, segment = np.unique(key, return_inverse=True)
    begins = np.searchsorted(key[order], segments)
    weighted = (share[first:last, None] * own)[order]
    of_group = np.add.reduceat(weighted, begins, axis=0)
    answered, at = np.unique(segments // rows.sources.size, return_inverse=True)
    opens = np.searchsorted(segments, answered * rows.sources.size)
    rest = np.add.reduceat(of_group, opens, axis=0)[at] - of_group
    before = prior[answered % len(confusion)][at]
    for index, tempering in enumerate(TEMPERINGS):
        left = log_softmax(before + tempering * rest)
        score[index, first:last] = special.logsumexp(left[segment] + own, axis=1)
