"""Expectation-maximisation over partitions of tasks: no bit depends on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stats.label_model import UNIT, LabelModel, Method, SourceCounts, fit_model
from stats.label_part import LabelPart
from stats.label_parts import LabelParts

__all__ = ["LabelEm"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Steps that show where learning leads, and that a model for the tempering needs.
SHORT = 10


class LabelEm:
    """The steps of one aggregation.

    Parameters
    ----------
    parts : LabelParts
        Asked for counts and nothing of the size of the tasks.
    method, smoothing
        As `stats.label_model.fit_model` takes them.
    certain : SourceCounts, optional
        Answers to audited tasks, if they were counted before.
    """

    def __init__(
        self,
        parts: LabelParts,
        method: Method,
        smoothing: float,
        certain: SourceCounts | None = None,
    ) -> None:
        self.parts, self.method, self.smoothing = parts, method, smoothing
        if certain is None:
            (certain,) = parts.totals([LabelPart.certain])
        self._certain = certain
        self.audited = round(float(certain.classes.sum()) * UNIT)

    def shared(self, group: Ints) -> LabelEm:
        """The same where linked sources split one vote."""
        parts = self.parts.map(partial(LabelPart.shared, group=group))
        return LabelEm(parts, self.method, self.smoothing, self._certain)

    def settle(self) -> LabelModel:
        """First model, under which most sources are better than chance.

        Liars who agree can make honest sources look wrong.  Where learning ends so, it
        starts again from the votes of those that looked wrong; this stands unless fewer
        sources then are better than chance.  Audits make the question unnecessary:
        they give every source one accuracy, which has no room for an agreed lie.
        """
        start = self._start()
        if self.audited:
            return self._coin().run(start, SHORT)
        better = self._better(start)
        if 2 * better.sum() > better.size:
            return start
        turned = start.silenced(better)
        return turned if self._better(turned).sum() >= better.sum() else start

    def _better(self, start: LabelModel) -> Bools:
        found: Bools = self.run(start, SHORT).accuracy > 1.0 / len(start.log_prior)
        return found

    def learn(self, start: LabelModel, iterations: int) -> tuple[LabelEm, LabelModel]:
        """Run; where audits speak for one accuracy per source instead, run with that.

        A matrix has room for an agreed lie, to which few audits are no counterweight.
        Whichever gets more audited tasks right, unaided, is taken.
        """
        model = self.run(start, iterations)
        if self.method != "dawid-skene" or not self.audited:
            return self, model
        coin = self._coin()
        simple = coin.run(start, iterations)
        if coin.right(simple) > self.right(model):
            return coin, simple
        return self, model

    def right(self, model: LabelModel) -> int:
        """Audited tasks that answers alone get right."""
        return sum(self.parts.each(partial(LabelPart.right, model=model)))

    def _coin(self) -> LabelEm:
        return LabelEm(self.parts, "one-coin", self.smoothing, self._certain)

    def _start(self) -> LabelModel:
        """Accuracies on audited tasks, else those of sources never seen; no prior."""
        model = fit_model(self._certain, "one-coin", self.smoothing)
        return LabelModel(np.zeros_like(model.log_prior), model.log_confusion)

    def run(self, start: LabelModel, iterations: int) -> LabelModel:
        """Look at the tasks and fit, so many times."""
        return self._run([start], iterations, [None])[0]

    def folds(self, start: LabelModel, n: int) -> list[LabelModel]:
        """Fit `n` models, the i-th without tasks at positions i, i + n, i + 2 n ..."""
        return self._run([start] * n, SHORT, [(i, n) for i in range(n)])

    def _run(
        self,
        models: Sequence[LabelModel],
        iterations: int,
        left_out: Sequence[tuple[int, int] | None],
    ) -> list[LabelModel]:
        """Run several models side by side."""
        for _ in range(iterations):
            questions = [
                partial(LabelPart.counts, model=model, left_out=fold)
                for model, fold in zip(models, left_out, strict=True)
            ]
            models = [
                fit_model(counts, self.method, self.smoothing)
                for counts in self.parts.totals(questions)
            ]
        return list(models)
