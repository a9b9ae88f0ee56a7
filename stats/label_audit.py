"""How well labels are predicted whose truth is known, each without itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import InvalidInput, NotEnoughData

__all__ = ["AuditScore", "audit_folds", "score_audit"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AuditScore:
    """How predictions compare with the truth.

    Attributes
    ----------
    n : int
        Audited tasks.
    right : int
        Whose most probable class is the true one.
    log_loss : float
        Mean of minus the natural logarithm of the probability of the truth.
    standard_error : float
        Of that mean over tasks; NaN for one task.
    by_shares : float
        Log loss of who knows nothing but how often each class is true among the other
        audited tasks.
    """

    n: int
    right: int
    log_loss: float
    standard_error: float
    by_shares: float

    def __repr__(self) -> str:
        return (
            f"AuditScore: n={self.n:_} | right={self.right:_} | "
            f"log_loss={self.log_loss:.4g} ± {self.standard_error:.2g} | "
            f"by_shares={self.by_shares:.4g}"
        )


def audit_folds(
    audit: Mapping[int, int], folds: int
) -> Iterator[tuple[dict[int, int], Ints]]:
    """Leave out each audited task once.

    Parameters
    ----------
    audit : mapping of task to class
    folds : int
        Parts of about equal size, at least 1; no more than there are tasks.  One part
        leaves all out.

    Yields
    ------
    dict
        Audits that stay.
    int64 array
        Tasks that are left out, ascending.

    Raises
    ------
    InvalidInput
        For fewer than 1 part.

    Examples
    --------
    >>> [(kept, out.tolist()) for kept, out in audit_folds({3: 1, 5: 0, 8: 1}, 2)]
    [({5: 0}, [3, 8]), ({3: 1, 8: 1}, [5])]
    """
    if folds < 1:
        raise InvalidInput(f"audit_folds: {folds} parts. Give at least 1.")
    tasks = sorted(audit)
    for part in range(min(folds, len(tasks))):
        out = tasks[part::folds]
        left = set(out)
        kept = {task: audit[task] for task in tasks if task not in left}
        yield kept, np.array(out, np.int64)


def score_audit(log_probability: ArrayLike, truth: ArrayLike) -> AuditScore:
    """Compare predictions with the truth.

    Parameters
    ----------
    log_probability : array_like, shape (n, k)
        Natural logarithms; each predicted without knowing its task's truth.
    truth : integer array_like, shape (n,)
        Classes, 0 ... k - 1.

    Returns
    -------
    AuditScore

    Raises
    ------
    InvalidInput
        For shapes that do not fit, or a truth that is no class.
    NotEnoughData
        Without tasks.

    Notes
    -----
    Shares of classes are counted without the task itself, and start from one task that
    is every class in part.  Naive twin: tests/stats/test_label_audit.py.

    Examples
    --------
    >>> score_audit(np.log([[0.5, 0.5], [0.25, 0.75]]), [0, 1]).right
    2
    """
    log_p, true = np.asarray(log_probability, np.float64), np.asarray(truth)
    good = log_p.ndim == 2 and true.shape == log_p.shape[:1] and log_p.shape[1] >= 2
    good = good and (true.dtype.kind in "iu" or not true.size)
    if not good or (true.size and not 0 <= true.min() <= true.max() < log_p.shape[1]):
        raise InvalidInput(
            f"score_audit: predictions {log_p.shape}, truth {true.shape} of "
            f"{true.dtype}. Give a row of log-probabilities and a class per task."
        )
    n, k = log_p.shape
    if not n:
        raise NotEnoughData("score_audit: no audited task. Audit some.")
    surprise = -log_p[np.arange(n), true]
    others = np.bincount(true, minlength=k)[true] - 1.0
    return AuditScore(
        n=n,
        right=int((log_p.argmax(axis=1) == true).sum()),
        log_loss=float(surprise.mean()),
        standard_error=float(surprise.std(ddof=1) / math.sqrt(n))
        if n > 1
        else math.nan,
        by_shares=float(-np.log((others + 1.0 / k) / n).mean()),
    )
