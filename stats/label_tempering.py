"""How far answers may be believed, chosen without a single known label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.exact import ExactSum
from stats.label_model import LabelModel
from stats.label_part import LabelPart
from stats.label_parts import LabelParts
from stats.logspace import log_softmax

__all__ = ["TEMPERINGS", "choose_tempering"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# From full belief in independence down to one answer in twenty.
TEMPERINGS: Floats = np.geomspace(1.0, 0.05, 14)
# Tasks looked at in one go.
_TASKS = 65_536


def choose_tempering(
    parts: LabelParts, models: Sequence[LabelModel], group: Ints
) -> float:
    """Tempering under which the others predict each answer best.

    Parameters
    ----------
    parts : LabelParts
    models : sequence of LabelModel
        The i-th was fitted without tempering and without tasks at positions i, i + m,
        i + 2 m ... for m models, and judges those.
    group : int64 array, shape (s,)
        Linked sources, as `stats.label_copies.linked_sources` gives them.

    Returns
    -------
    float
        One of `TEMPERINGS`; 1 where no task has answers of two groups.

    Notes
    -----
    Every answer is left out together with those of its whole group, since a copy
    would predict it perfectly; the rest of the task gives a tempered posterior, and
    that a probability of the answer.  The mean logarithm, by share, is maximised; its
    sum is exact.  Who is over-confident is surprised by the others, and a model that
    was fitted to too few answers by tasks it has not seen.
    """
    confusion = np.stack([model.log_confusion for model in models])
    prior = np.stack([model.log_prior for model in models])
    question = partial(_part_score, confusion=confusion, prior=prior, group=group)
    (total,) = parts.totals([question])
    return float(TEMPERINGS[int(np.argmax(total.value()))])


def _part_score(
    part: LabelPart, *, confusion: Floats, prior: Floats, group: Ints
) -> ExactSum:
    """Sum of log-probabilities of the answers of a partition at every tempering."""
    total = ExactSum((TEMPERINGS.size,))
    for tasks in part.rows.blocks(_TASKS):
        score = _block_score(part, confusion, prior, group, tasks)
        total = total.add(np.ascontiguousarray(score.T))
    return total


def _block_score(
    part: LabelPart, confusion: Floats, prior: Floats, group: Ints, tasks: slice
) -> Floats:
    """Log-probability of every answer of a block, by share; (temperings, answers)."""
    rows = part.rows
    first, last = int(rows.start[tasks.start]), int(rows.start[tasks.stop])
    score = np.zeros((TEMPERINGS.size, last - first))
    if first == last:
        return score
    task, source = part.first + rows.task[first:last], rows.source[first:last]
    own = confusion[task % len(confusion), source, :, rows.label[first:last]]
    share = part.share[first:last]
    key = task * rows.sources.size + group[source]
    order = np.argsort(key, kind="stable")
    segments, segment = np.unique(key, return_inverse=True)
    begins = np.searchsorted(key[order], segments)
    weighted = (share[:, None] * own)[order]
    of_group = np.add.reduceat(weighted, begins, axis=0)
    answered, at = np.unique(segments // rows.sources.size, return_inverse=True)
    opens = np.searchsorted(segments, answered * rows.sources.size)
    rest = np.add.reduceat(of_group, opens, axis=0)[at] - of_group
    before = prior[answered % len(confusion)][at]
    for index, tempering in enumerate(TEMPERINGS):
        left = log_softmax(before + tempering * rest)
        score[index] = share * special.logsumexp(left[segment] + own, axis=1)
    return score
