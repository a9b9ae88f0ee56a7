"""One result out of what the partitions say of their tasks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stats.label_em import LabelEm
from stats.label_model import UNIT, LabelModel
from stats.label_part import LabelPart, PartResult
from stats.label_posterior import LabelPosterior

__all__ = ["label_result"]

Ints = NDArray[np.int64]


def label_result(
    em: LabelEm, model: LabelModel, sources: Ints, group: Ints, tempering: float
) -> LabelPosterior:
    """All that is told of tasks and sources.

    Parameters
    ----------
    em : LabelEm
        By which `model` was learnt.
    model : LabelModel
    sources : int64 array, shape (s,)
        Identities, ascending.
    group : int64 array, shape (s,)
        Linked sources.
    tempering : float
    """
    alone = np.bincount(group, minlength=group.size)[group] == 1
    found = em.parts.each(
        partial(LabelPart.result, model=model, alone=alone, tempering=tempering)
    )
    audited = np.concatenate([part.audited for part in found])
    differs = np.concatenate([part.differs for part in found])
    if 2 * em.right(model) < em.audited:  # audits contradict all the rest
        differs[:] = True
    return LabelPosterior(
        tasks=np.concatenate([part.tasks for part in found]),
        log_probability=np.concatenate([part.log_probability for part in found]),
        n=np.concatenate([part.n for part in found]),
        votes=np.concatenate([part.votes for part in found]),
        audited=audited,
        undetermined=differs & ~audited,
        log_prior=model.log_prior,
        sources=sources,
        confusion=np.exp(model.log_confusion),
        accuracy=model.accuracy,
        answers=_total(found, "answers"),
        contradictions=_total(found, "contradictions"),
        right=_units(_total(found, "right")),
        doubt=_units(_total(found, "doubt")),
        linked=group,
        tempering=tempering,
        method=em.method,
    )


def _total(found: Sequence[PartResult], name: str) -> Ints:
    """Sum of a count by source."""
    return np.asarray(sum(getattr(part, name) for part in found), np.int64)


def _units(counts: Ints) -> NDArray[np.float64]:
    return counts.astype(np.float64) * UNIT
