"""Labels from sources that err, copy or lie: what is true, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.label_copies import linked_sources
from stats.label_em import LabelEm
from stats.label_model import METHODS, Method
from stats.label_part import known_classes
from stats.label_parts import LabelParts, PartsHere
from stats.label_posterior import LabelPosterior, source_weights
from stats.label_result import label_result
from stats.label_rows import label_rows
from stats.label_tempering import choose_tempering
from stats.summary import InvalidInput

__all__ = [
    "LabelPosterior",
    "aggregate_labels",
    "aggregate_parts",
    "source_weights",
]

Ints = NDArray[np.int64]

# Parts of the tasks that are left out in turn to choose the tempering.
_FOLDS = 5


def aggregate_labels(
    task: ArrayLike,
    source: ArrayLike,
    label: ArrayLike,
    *,
    n_classes: int,
    method: Method = "dawid-skene",
    smoothing: float = 10.0,
    audit: Mapping[int, int] | None = None,
    tempering: Literal["auto"] | float = "auto",
    detect_copies: bool = True,
    iterations: int = 30,
    block_tasks: int = 65_536,
) -> LabelPosterior:
    """Probability of every class for every task, from answers of fallible sources.

    Parameters
    ----------
    task, source : array_like of int, shape (n,)
        Identities; any order of rows.
    label : array_like of int, shape (n,)
        Answers, 0 ... n_classes - 1.
    n_classes : int
        At least 2.
    method : {"dawid-skene", "one-coin", "majority"}
        A confusion matrix per source; one accuracy per source, where answers per
        source are few against ``n_classes ** 2``; one accuracy for all.
    smoothing : float
        Answers per true class that a source's accuracy is worth beside what it said of
        that class; > 0, only for "dawid-skene".
    audit : mapping of task to class, optional
        Known classes of some tasks: kept, and what learning starts from.  If one
        accuracy per source gets more of them right than matrices do, it is used.
    tempering : "auto" or float
        Power of the likelihood, > 0.  "auto" takes the one under which the other
        sources predict left-out answers best, of 14 in [0.05, 1]; 1 trusts
        independence.
    detect_copies : bool
        Give sources that share too many mistakes one vote together.
    iterations : int
        Steps of expectation-maximisation, at least 1; always all of them.
    block_tasks : int
        Tasks handled at once; bounds memory and changes no bit of the result.

    Returns
    -------
    LabelPosterior
        ``numpy.asarray`` of it is the (tasks, n_classes) array of probabilities.

    Raises
    ------
    InvalidInput
        For columns that do not fit, labels or audits out of range, a smoothing or
        tempering not above 0, or a method that does not exist.

    Notes
    -----
    A source that repeats an answer counts once; one that contradicts itself on a task
    does not count there.  Memory is O(answers + tasks · k + sources · k²); nothing of
    size tasks · sources is built, but copies are looked for among all pairs of sources
    that meet.  Sums over tasks are exact, so results do not depend on order or blocks
    of rows.  Without audits, of two readings the one counts under which more sources
    are better than chance; where most sources lie together that is theirs, and no
    method can tell: audit one or two per cent.
    Source: Dawid, Skene, Applied Statistics 28 (1979).  Naive twin:
    tests/stats/test_reliability.py.

    Examples
    --------
    >>> task, source = [0, 0, 0, 1, 1, 1], [7, 8, 9, 7, 8, 9]
    >>> found = aggregate_labels(task, source, [1, 1, 0, 0, 0, 0], n_classes=2)
    >>> found.label.tolist()
    [1, 0]
    """
    _check_options(method, smoothing, tempering, iterations, block_tasks)
    rows = label_rows(task, source, label, n_classes)
    known = known_classes(rows.tasks, n_classes, audit or {})
    return aggregate_parts(
        PartsHere.cut(rows, known, block_tasks),
        rows.sources,
        method=method,
        smoothing=smoothing,
        tempering=tempering,
        detect_copies=detect_copies,
        iterations=iterations,
        contradictions=rows.contradictions,
    )


def aggregate_parts(
    parts: LabelParts,
    sources: Ints,
    *,
    method: Method = "dawid-skene",
    smoothing: float = 10.0,
    tempering: Literal["auto"] | float = "auto",
    detect_copies: bool = True,
    iterations: int = 30,
    contradictions: Ints | None = None,
) -> LabelPosterior:
    """Aggregate partitions of tasks, wherever they lie: bits as `aggregate_labels`.

    Parameters
    ----------
    parts : LabelParts
        Every task in one of them, with all its answers.
    sources : int64 array, shape (s,)
        Identities of all sources, ascending.
    method, smoothing, tempering, detect_copies, iterations
        As `aggregate_labels`.
    contradictions : int64 array, shape (s,), optional
        Of all tasks; those that partitions report, if left out.

    Raises
    ------
    InvalidInput
        For options that have no meaning.
    """
    _check_options(method, smoothing, tempering, iterations, 1)
    group = np.arange(sources.size, dtype=np.int64)
    em = LabelEm(parts, method, smoothing)
    start = em.settle()
    if detect_copies:
        group = linked_sources(em.parts, start)
        em = em.shared(group)
        start = em.settle()
    em, model = em.learn(start, iterations)
    if tempering == "auto":
        tempering = choose_tempering(em.parts, em.folds(start, _FOLDS), group)
    found = label_result(em, model, sources, group, float(tempering))
    return (
        found
        if contradictions is None
        else replace(found, contradictions=contradictions)
    )


def _check_options(
    method: str,
    smoothing: float,
    tempering: str | float,
    iterations: int,
    block_tasks: int,
) -> None:
    """Refuse options that have no meaning."""
    if method not in METHODS:
        raise InvalidInput(
            f"aggregate_labels: method {method!r} does not exist. "
            f"Give one of {', '.join(METHODS)}."
        )
    numbers = {"smoothing": smoothing, "tempering": tempering}
    if tempering == "auto":
        del numbers["tempering"]
    for name, value in numbers.items():
        number = not isinstance(value, str) and math.isfinite(value)
        if not (number and float(value) > 0.0):
            raise InvalidInput(
                f"aggregate_labels: {name} is {value!r}, not a number above 0. "
                "Leave it out for the usual."
            )
    for name, size in (("iterations", iterations), ("block_tasks", block_tasks)):
        if size < 1:
            raise InvalidInput(f"aggregate_labels: {name} is {size}. Give at least 1.")
