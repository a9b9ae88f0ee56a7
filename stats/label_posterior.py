"""What aggregated labels say of every task, and what they say of every source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from stats.label_model import DIAGONAL, Method

__all__ = ["LabelPosterior", "source_weights"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LabelPosterior:
    """Probability of every class for every task; a (t, k) array to numpy.

    Attributes
    ----------
    tasks : int64 array, shape (t,)
        Identities, ascending; rows of all arrays by task.
    log_probability : float64 array, shape (t, k)
        Natural logarithm, finite except on audited tasks, which are certain.
    n : int64 array, shape (t,)
        Answers per task.
    votes : float64 array, shape (t,)
        The same with linked sources counted as one, times the tempering.
    audited : bool array, shape (t,)
        Tasks whose class was given.
    undetermined : bool array, shape (t,)
        Tasks whose most probable class changes when all linked sources are left out;
        every task, if the answers alone would get most audited tasks wrong.
    log_prior : float64 array, shape (k,)
        Of the classes; what is known of a task without answers.
    sources : int64 array, shape (s,)
        Identities, ascending; rows of all arrays by source.
    confusion : float64 array, shape (s, k, k)
        Probability of an answer (last axis), given the true class.
    accuracy : float64 array, shape (s,)
        Probability of a right answer, over the classes as they occur.
    answers, contradictions : int64 array, shape (s,)
        Answers that count, and tasks to which the source gave different answers.
    right, doubt : float64 array, shape (s,)
        Expected right answers, and the variance of their number that comes from not
        knowing the truth; in whole units of 2⁻³⁰.
    linked : int64 array, shape (s,)
        Position of the first source that shares its mistakes; itself if none does.
    tempering : float
        Power of the likelihood that was used, in (0, 1] if chosen.
    method : str
        What was used; "one-coin" for "dawid-skene" where audits asked for it.
    """

    tasks: Ints
    log_probability: Floats
    n: Ints
    votes: Floats
    audited: Bools
    undetermined: Bools
    log_prior: Floats
    sources: Ints
    confusion: Floats
    accuracy: Floats
    answers: Ints
    contradictions: Ints
    right: Floats
    doubt: Floats
    linked: Ints
    tempering: float
    method: Method

    @property
    def probability(self) -> Floats:
        """Probabilities, float64, shape (t, k); rows sum to 1 within rounding."""
        found: Floats = np.exp(self.log_probability)
        return found

    @property
    def label(self) -> Ints:
        """Most probable class per task, int64, shape (t,); the lowest of equal ones."""
        found: Ints = self.log_probability.argmax(axis=1)
        return found

    @property
    def shape(self) -> tuple[int, int]:
        """Tasks and classes."""
        return self.log_probability.shape[0], self.log_probability.shape[1]

    def __len__(self) -> int:
        return self.tasks.size

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> Floats:
        """Probabilities, so that the result can be used as the array itself."""
        if copy is False:
            raise ValueError("probabilities are computed from logarithms: a copy")
        return self.probability if dtype is None else self.probability.astype(dtype)

    def probability_of(self, tasks: ArrayLike) -> Floats:
        """Probabilities by identity, shape (m, k); the prior for tasks never seen."""
        at, seen = _positions(self.tasks, tasks)
        found = np.tile(np.exp(self.log_prior), (at.size, 1))
        found[seen] = self.probability[at[seen]]
        return found

    def confusion_of(self, sources: ArrayLike) -> Floats:
        """Confusion matrices by identity, shape (m, k, k).

        A source never seen knows with probability 0.7, else it guesses.
        """
        at, seen = _positions(self.sources, sources)
        n = self.shape[1]
        prior = DIAGONAL * np.eye(n) + (1.0 - DIAGONAL) / n
        found = np.tile(prior, (at.size, 1, 1))
        found[seen] = self.confusion[at[seen]]
        return found

    def __repr__(self) -> str:
        linked = np.unique(self.linked).size
        return (
            f"LabelPosterior: n={int(self.n.sum()):,} answers | tasks={len(self):,} | "
            f"sources={self.sources.size:,} ({linked:,} independent) | "
            f"classes={self.shape[1]} | {self.method} | tempering={self.tempering:.3g} "
            f"| audited={int(self.audited.sum()):,} | "
            f"undetermined={int(self.undetermined.sum()):,}"
        )


def source_weights(
    posterior: LabelPosterior, sources: ArrayLike | None = None
) -> Floats:
    """Confidence that evidence of each source deserves.

    Parameters
    ----------
    posterior : LabelPosterior
    sources : array_like of int, shape (m,), optional
        Identities; those of the posterior, in its order, if left out.

    Returns
    -------
    float64 array, shape (m,)
        In [0, 1], to multiply log-likelihood ratios by.  0 at or below chance: such a
        source says nothing that may be believed.  0.7 for a source never seen.

    Notes
    -----
    With accuracy a over k classes, ``w = max(0, (k a - 1) / (k - 1))``: the
    probability of knowing, if who does not know guesses.  Linked sources divide the
    weight of one.

    Examples
    --------
    >>> from stats.reliability import aggregate_labels
    >>> posterior = aggregate_labels([], [], [], n_classes=2)
    >>> source_weights(posterior, [5]).round(3).tolist()
    [0.7]
    """
    wanted = posterior.sources if sources is None else sources
    at, seen = _positions(posterior.sources, wanted)
    n = posterior.shape[1]
    found = np.full(at.size, DIAGONAL)
    size = np.bincount(posterior.linked, minlength=posterior.sources.size)
    knows = np.clip((n * posterior.accuracy - 1.0) / (n - 1.0), 0.0, 1.0)
    found[seen] = (knows / np.maximum(size[posterior.linked], 1))[at[seen]]
    return found


def _positions(known: Ints, wanted: ArrayLike) -> tuple[Ints, Bools]:
    """Where each identity stands, and whether it is there at all."""
    ids = np.asarray(wanted, np.int64)
    if not known.size:
        return np.zeros(ids.size, np.int64), np.zeros(ids.size, np.bool_)
    at = np.minimum(np.searchsorted(known, ids), known.size - 1)
    return at, known[at] == ids
