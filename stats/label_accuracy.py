"""How accurate each source is, and how well that is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from stats.label_model import DIAGONAL, STARTING
from stats.label_posterior import LabelPosterior
from stats.summary import InvalidInput

__all__ = ["accuracy_interval"]

Floats = NDArray[np.float64]


def accuracy_interval(
    posterior: LabelPosterior, level: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Share of right answers of every source, with a credible interval.

    Parameters
    ----------
    posterior : LabelPosterior
    level : float
        In (0, 1).

    Returns
    -------
    estimate, lower, upper : float64 arrays, shape (s,)
        In [0, 1].  Without answers: 0.7 and what guessing adds, and a wide interval.

    Raises
    ------
    InvalidInput
        For a level outside (0, 1).

    Notes
    -----
    Right answers are expected ones under the posterior of the tasks.  The estimate
    starts, with the weight of two answers, from a source that knows with probability
    0.7 and else guesses.  The interval is that of a beta law of so many answers as
    have the same variance: the binomial one, and what comes from not knowing the
    truth of the tasks, by the law of total variance.  Where answers are believed only
    in part, tasks are not wrong independently of each other either: that variance is
    divided by the tempering.  Calibration, with the cases where it falls short of its
    level: tests/calibration/test_label_accuracy.py.

    Examples
    --------
    >>> from stats.reliability import aggregate_labels
    >>> posterior = aggregate_labels([0, 1], [5, 5], [1, 1], n_classes=2,
    ...                              audit={0: 1, 1: 1})
    >>> estimate, lower, upper = accuracy_interval(posterior)
    >>> estimate.round(3).tolist()
    [0.925]
    """
    if not 0.0 < level < 1.0:
        raise InvalidInput(
            f"accuracy_interval: level {level} is not between 0 and 1. Give 0.95."
        )
    first = DIAGONAL + (1.0 - DIAGONAL) / posterior.shape[1]
    n = posterior.answers.astype(np.float64)
    estimate = (posterior.right + STARTING * first) / (n + STARTING)
    spread = estimate * (1.0 - estimate)
    doubt = posterior.doubt / min(posterior.tempering, 1.0)
    unknown = np.divide(doubt, n * spread, out=0.0 * n, where=n > 0)
    weight = n / (1.0 + unknown) + STARTING
    law = distributions.beta(weight * estimate, weight * (1.0 - estimate))
    tail = (1.0 - level) / 2.0
    lower, upper = (np.asarray(law.ppf(x), np.float64) for x in (tail, 1.0 - tail))
    return estimate, lower, upper
