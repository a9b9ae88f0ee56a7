"""Expectation-maximisation over blocks of tasks: no bit depends on the blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.label_model import LabelModel, Method, SourceCounts, fit_model
from stats.label_posterior import LabelPosterior
from stats.label_rows import LabelRows

__all__ = ["NOT_AUDITED", "LabelEm"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Known class of a task that nobody audited.
NOT_AUDITED = -1
# Steps that show where learning leads, and that a model for the tempering needs.
SHORT = 10


class LabelEm:
    """The steps of one aggregation.

    Parameters
    ----------
    rows : LabelRows
    known : int64 array, shape (t,)
        Class of audited tasks, `NOT_AUDITED` elsewhere.
    method, smoothing
        As `stats.label_model.fit_model` takes them.
    block_tasks : int
        Tasks handled in one go.
    """

    def __init__(
        self,
        rows: LabelRows,
        known: Ints,
        method: Method,
        smoothing: float,
        block_tasks: int,
    ) -> None:
        self.rows, self.known = rows, known
        self.method, self.smoothing = method, smoothing
        self.block_tasks = block_tasks
        self.audited: Bools = known != NOT_AUDITED
        even = np.full((rows.tasks.size, rows.n_classes), 1.0 / rows.n_classes)
        self._certain = SourceCounts.from_block(
            rows, self._fixed(even), kept=self.audited
        )

    def settle(self, share: Floats) -> Floats:
        """First probabilities under which most sources are better than chance.

        Liars who agree can make honest sources look wrong.  Where learning ends so, it
        starts again from the votes of those that looked wrong; this stands unless fewer
        sources then are better than chance.  Audits make the question unnecessary:
        they give every source one accuracy, which has no room for an agreed lie.
        """
        start = self.start(share)
        if self.audited.any():
            coin = self._coin()
            return coin._posterior(coin.run(start, share, SHORT), share, 1.0)
        better = self._better(start, share)
        if 2 * better.sum() > better.size:
            return start
        turned = self.start(np.where(better[self.rows.source], 0.0, share))
        return turned if self._better(turned, share).sum() >= better.sum() else start

    def _better(self, start: Floats, share: Floats) -> Bools:
        model = self.run(start, share, SHORT)
        found: Bools = model.accuracy > 1.0 / self.rows.n_classes
        return found

    def learn(
        self, start: Floats, share: Floats, iterations: int
    ) -> tuple[LabelEm, LabelModel]:
        """Run; where audits speak for one accuracy per source instead, run with that.

        A matrix has room for an agreed lie, to which few audits are no counterweight.
        Whichever gets more audited tasks right, unaided, is taken.
        """
        model = self.run(start, share, iterations)
        if self.method != "dawid-skene" or not self.audited.any():
            return self, model
        coin = self._coin()
        simple = coin.run(start, share, iterations)
        if coin._right(simple, share) > self._right(model, share):
            return coin, simple
        return self, model

    def _right(self, model: LabelModel, share: Floats) -> int:
        at = np.flatnonzero(self.audited)
        found = self._log_posterior(model, share, 1.0)[at].argmax(axis=1)
        return int((found == self.known[at]).sum())

    def _coin(self) -> LabelEm:
        return LabelEm(
            self.rows, self.known, "one-coin", self.smoothing, self.block_tasks
        )

    def start(self, share: Floats) -> Floats:
        """First probabilities: accuracies on audited tasks, else shares of votes."""
        model = fit_model(self._certain, "one-coin", self.smoothing)
        flat = LabelModel(np.zeros_like(model.log_prior), model.log_confusion)
        return self._posterior(flat, share, 1.0)

    def run(
        self,
        probability: Floats,
        share: Floats,
        iterations: int,
        kept: Bools | None = None,
    ) -> LabelModel:
        """Fit, look at the tasks, and fit again; to the tasks that are kept."""
        model = self._fit(probability, kept)
        for _ in range(iterations - 1):
            model = self._fit(self._posterior(model, share, 1.0), kept)
        return model

    def folds(self, probability: Floats, share: Floats, n: int) -> list[LabelModel]:
        """Fit `n` models, the i-th without tasks at positions i, i + n, i + 2 n ..."""
        fold = np.arange(self.rows.tasks.size) % n
        return [self.run(probability, share, SHORT, fold != i) for i in range(n)]

    def result(
        self, model: LabelModel, share: Floats, group: Ints, tempering: float
    ) -> LabelPosterior:
        """All that is told of tasks and sources."""
        rows = self.rows
        log_p = self._log_posterior(model, share, tempering)
        at = np.flatnonzero(self.audited)
        log_p[at] = -np.inf
        log_p[at, self.known[at]] = 0.0
        size = np.bincount(group, minlength=group.size)
        alone = (size[group] == 1)[rows.source]
        without = self._log_posterior(model, np.where(alone, share, 0.0), tempering)
        differs = without.argmax(axis=1) != log_p.argmax(axis=1)
        if 2 * self._right(model, share) < at.size:  # audits contradict all the rest
            differs[:] = True
        confusion = np.exp(model.log_confusion)
        return LabelPosterior(
            tasks=rows.tasks,
            log_probability=log_p,
            n=np.diff(rows.start),
            votes=tempering * self._votes(share),
            audited=self.audited,
            undetermined=differs & ~self.audited,
            log_prior=model.log_prior,
            sources=rows.sources,
            confusion=confusion,
            accuracy=model.accuracy,
            answers=np.bincount(rows.source, minlength=rows.sources.size),
            contradictions=rows.contradictions,
            linked=group,
            tempering=tempering,
            method=self.method,
        )

    def _votes(self, share: Floats) -> Floats:
        size = self.rows.tasks.size
        found = np.bincount(self.rows.task, weights=share, minlength=size)
        return found.astype(np.float64)

    def _fit(self, probability: Floats, kept: Bools | None) -> LabelModel:
        total = SourceCounts.from_block(self.rows, probability[:0], slice(0, 0))
        for tasks in self.rows.blocks(self.block_tasks):
            mask = None if kept is None else kept[tasks]
            part = SourceCounts.from_block(self.rows, probability[tasks], tasks, mask)
            total = total.merge(part)
        return fit_model(total, self.method, self.smoothing)

    def _posterior(self, model: LabelModel, share: Floats, tempering: float) -> Floats:
        return self._fixed(np.exp(self._log_posterior(model, share, tempering)))

    def _log_posterior(
        self, model: LabelModel, share: Floats, tempering: float
    ) -> Floats:
        found = np.zeros((self.rows.tasks.size, self.rows.n_classes))
        for tasks in self.rows.blocks(self.block_tasks):
            found[tasks] = model.log_posterior(self.rows, share, tempering, tasks)
        return found

    def _fixed(self, probability: Floats) -> Floats:
        """Put the known classes of audited tasks in their place."""
        found = probability.copy()
        at = np.flatnonzero(self.audited)
        found[at] = 0.0
        found[at, self.known[at]] = 1.0
        return found
