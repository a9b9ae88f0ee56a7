"""Mistakes of sources, alone and in pairs, as whole numbers that partitions add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from stats.label_model import LabelModel
from stats.label_part import LabelPart
from stats.label_rows import LabelRows

__all__ = ["Mistakes", "PairCounts"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Pairs of a task that its own rate of shared mistakes must outweigh.
_KAPPA = 3.0
# Rates are added up in whole units of this: 1.3e8 tasks of one pair fit an int64.
_UNIT = 2.0**-36


@dataclass(frozen=True, slots=True, eq=False)
class Mistakes:
    """What sources answered and got wrong, and how often any two did.

    Attributes
    ----------
    answers, wrong : int64 array, shape (s,)
    pairs : int64 array, shape (3,)
        Pairs of answers to one task: all, both wrong, both wrong alike.
    """

    answers: Ints
    wrong: Ints
    pairs: Ints

    @classmethod
    def from_part(cls, part: LabelPart, *, model: LabelModel) -> Self:
        """Count where each task is taken for its most probable class."""
        rows, wrong = part.rows, _wrong(part, model)
        sources = rows.sources.size
        both, alike = (_per_task(rows, wrong, by_label=x).sum() for x in (False, True))
        return cls(
            np.bincount(rows.source, minlength=sources),
            np.bincount(rows.source[wrong], minlength=sources),
            np.array([_two(np.diff(rows.start)).sum(), both, alike]),
        )

    def merge(self, other: Self) -> Self:
        """Add the counts of other tasks."""
        return type(self)(
            self.answers + other.answers,
            self.wrong + other.wrong,
            self.pairs + other.pairs,
        )


@dataclass(frozen=True, slots=True, eq=False)
class PairCounts:
    """Tasks that two sources have in common, and what happened there.

    Attributes
    ----------
    common, right, shared : sparse int64 array, shape (s, s)
        Tasks; those that both got right; those with the same mistake.
    equal, both : sparse int64 array, shape (s, s)
        What other pairs lead to expect of the same mistake, and of any two, in units
        of 2⁻³⁶ of a task.
    """

    common: sparse.csr_array
    right: sparse.csr_array
    shared: sparse.csr_array
    equal: sparse.csr_array
    both: sparse.csr_array

    @classmethod
    def from_part(
        cls, part: LabelPart, *, model: LabelModel, mistakes: Mistakes
    ) -> Self:
        """Count the pairs of a partition; `mistakes` are those of all partitions."""
        rows, wrong = part.rows, _wrong(part, model)
        n, every = rows.n_classes, slice(0, rows.tasks.size)
        usual = mistakes.pairs[1:] / max(int(mistakes.pairs[0]), 1)
        both, own = _task_rates(rows, wrong, float(usual[0]), by_label=False)
        alike, _ = _task_rates(rows, wrong, float(usual[1]), by_label=True)
        said = rows.matrix(every, np.ones(rows.task.size, np.int64))
        missed = rows.matrix(every, wrong.astype(np.int64))
        given, missing = _by_source(said, n), _by_source(missed, n)
        return cls(
            common=_upper(given),
            right=_upper(given - missing),
            shared=_same_label(missed, n),
            equal=_upper(given, alike) - _same_label(missed, n, own),
            both=_upper(given, both) - _upper(missing, own),
        )

    def merge(self, other: Self) -> Self:
        """Add the counts of other tasks."""
        return type(self)(
            self.common + other.common,
            self.right + other.right,
            self.shared + other.shared,
            self.equal + other.equal,
            self.both + other.both,
        )

    def at(self, pairs: tuple[Ints, Ints]) -> tuple[Floats, ...]:
        """Tasks of some pairs: common, right, shared, equal and both; float64."""
        units = (1.0, 1.0, 1.0, _UNIT, _UNIT)
        counts = (self.common, self.right, self.shared, self.equal, self.both)
        return tuple(
            np.asarray(count.tocsr()[pairs], np.float64) * unit
            for count, unit in zip(counts, units, strict=True)
        )


def _wrong(part: LabelPart, model: LabelModel) -> NDArray[np.bool_]:
    """Answers that are not what the task is taken for."""
    believed = part.posterior(model).argmax(axis=1)
    found: NDArray[np.bool_] = part.rows.label != believed[part.rows.task]
    return found


def _two(counts: Ints) -> Ints:
    """Pairs of so many."""
    found: Ints = counts * (counts - 1) // 2
    return found


def _per_task(rows: LabelRows, wrong: NDArray[np.bool_], *, by_label: bool) -> Ints:
    """Pairs of answers to each task that are both wrong, or wrong alike."""
    n = rows.n_classes if by_label else 1
    key = rows.task * n + rows.label if by_label else rows.task
    found = np.bincount(key[wrong], minlength=rows.tasks.size * n)
    return np.asarray(_two(found).reshape(-1, n).sum(axis=1), np.int64)


def _task_rates(
    rows: LabelRows, wrong: NDArray[np.bool_], usual: float, *, by_label: bool
) -> tuple[Ints, Ints]:
    """Share of pairs of a task that err (alike), and what one such pair adds to it."""
    pairs = np.maximum(_two(np.diff(rows.start)), 1)
    own = 1.0 / (pairs - 1.0 + _KAPPA)
    hits = _per_task(rows, wrong, by_label=by_label)
    return _units((hits + _KAPPA * usual) * own), _units(own)


def _units(values: Floats) -> Ints:
    found: Ints = np.rint(values / _UNIT).astype(np.int64)
    return found


def _by_source(cells: sparse.csr_array, n_classes: int) -> sparse.csr_array:
    """Add up the cells of every source."""
    size = cells.shape[1]
    ones = (
        np.ones(size, np.int64),
        (np.arange(size), np.arange(size) // n_classes),
    )
    return cells @ sparse.csr_array(ones, shape=(size, size // n_classes))


def _upper(left: sparse.csr_array, weight: Ints | None = None) -> sparse.csr_array:
    """Pairs of columns, each once, that meet in rows."""
    right = left
    if weight is not None:
        right = sparse.diags_array(weight, dtype=np.int64) @ left
    found: sparse.csr_array = sparse.triu(left.T @ right, k=1, format="csr")
    return found


def _same_label(
    missed: sparse.csr_array, n_classes: int, weight: Ints | None = None
) -> sparse.csr_array:
    """Pairs of sources that made the same mistake."""
    parts = [_upper(missed[:, label::n_classes], weight) for label in range(n_classes)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
