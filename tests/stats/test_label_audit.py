"""Scores of predictions whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stats.label_audit import audit_folds, score_audit
from stats.summary import InvalidInput, NotEnoughData


@pytest.mark.parametrize("folds", [1, 3, 50])
def test_every_task_is_left_out_once_and_never_kept_there(folds: int) -> None:
    audit = {7 * k % 31: k % 3 for k in range(20)}
    parts = list(audit_folds(audit, folds))
    assert len(parts) == min(folds, 20)
    assert sorted(np.concatenate([out for _, out in parts])) == sorted(audit)
    for kept, out in parts:
        assert kept == {task: audit[task] for task in audit if task not in out}


def test_scores_are_those_of_obvious_loops() -> None:
    rng = np.random.default_rng(4)
    p = rng.dirichlet(np.ones(3), 40)
    truth = rng.integers(3, size=40)
    losses, shares = [], []
    for i, row in enumerate(p):
        losses.append(-math.log(row[truth[i]]))
        same = sum(truth[j] == truth[i] for j in range(40) if j != i)
        shares.append(-math.log((same + 1 / 3) / 40))
    found = score_audit(np.log(p), truth)
    assert (found.n, found.right) == (40, sum(p.argmax(axis=1) == truth))
    assert found.log_loss == pytest.approx(np.mean(losses), rel=1e-12)
    error = np.std(losses, ddof=1) / math.sqrt(40)
    assert found.standard_error == pytest.approx(error, rel=1e-12)
    assert found.by_shares == pytest.approx(np.mean(shares), rel=1e-12)
    assert repr(found).startswith("AuditScore: n=40 | right=")


def test_one_task_has_no_standard_error() -> None:
    found = score_audit(np.log([[0.25, 0.75]]), [1])
    assert (found.n, found.right) == (1, 1)
    assert math.isnan(found.standard_error)
    assert found.by_shares == pytest.approx(math.log(2))


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="no audited task"):
        score_audit(np.zeros((0, 2)), np.zeros(0, int))
    for log_p, truth in (
        (np.zeros((2, 2)), [0]),
        (np.zeros((2, 2)), [0, 2]),
        (np.zeros((2, 2)), [0, -1]),
        (np.zeros((2, 1)), [0, 0]),
        (np.zeros((2, 2)), [0.0, 1.0]),
    ):
        with pytest.raises(InvalidInput, match="score_audit"):
            score_audit(log_p, truth)
    with pytest.raises(InvalidInput, match="0 parts"):
        list(audit_folds({1: 1}, 0))
