"""One baseline of the online tree against the obvious lines of linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from stats.kernels_online import (
    absorb,
    add,
    clear,
    distance,
    factor,
    join,
    marginal,
    moments,
)

SIZES = [1, 2, 10, 20, 64]


def sample(d: int, n: int, seed: int = 0) -> np.ndarray:
    """Correlated rows in units that differ by powers of ten."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, d)) @ (np.eye(d) + 0.3 * rng.normal(size=(d, d)))
    return mixed * 10.0 ** rng.integers(-3, 4, d) + 5.0


def fresh(d: int, prior: np.ndarray) -> np.ndarray:
    row = np.full(1 + 2 * d + d * d, np.nan)
    clear(row, d, prior)
    return row


def fill(rows: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take rows in; return the baseline and the distance of each to those before."""
    d = rows.shape[1]
    row, move = fresh(d, prior), np.empty(d)
    return row, np.array([absorb(row, x, move) for x in rows])


def co_moments(row: np.ndarray, d: int) -> np.ndarray:
    out = np.zeros((d, d))
    j, i = np.triu_indices(d)
    out[i, j] = out[j, i] = row[1 + d : moments(d)]
    return out


def naive_co_moments(rows: np.ndarray) -> np.ndarray:
    move = rows - rows.mean(axis=0)
    return move.T @ move


def naive_distance(before: np.ndarray, x: np.ndarray, prior: np.ndarray) -> float:
    n, d = before.shape
    if n <= d:
        return np.nan
    move = x - before.mean(axis=0)
    solved = np.linalg.solve(naive_co_moments(before) + np.diag(prior), move)
    return (n - 1) * float(move @ solved)


def assert_close_co_moments(found, expected) -> None:
    scale = np.sqrt(np.diag(expected))
    assert (np.abs(found - expected) <= 1e-12 * np.outer(scale, scale)).all()


@pytest.mark.parametrize("d", SIZES)
def test_moments_and_distances_are_those_of_the_rows_before(d: int) -> None:
    rows = sample(d, 2 * d + 20)
    prior = np.full(d, 1e-12)
    row, found = fill(rows, prior)
    expected = [naive_distance(rows[:k], x, prior) for k, x in enumerate(rows)]
    assert found == pytest.approx(np.array(expected), rel=1e-5, nan_ok=True)
    # Beyond the first few rows the matrix is well conditioned.
    late = slice(d + 15, None)
    assert found[late] == pytest.approx(np.array(expected)[late], rel=1e-9)
    assert np.isnan(found[: d + 1]).all()
    assert row[0] == len(rows)
    assert row[1 : 1 + d] == pytest.approx(rows.mean(axis=0), rel=1e-13)
    assert_close_co_moments(co_moments(row, d), naive_co_moments(rows))


@pytest.mark.parametrize("d", SIZES)
def test_the_factor_that_follows_is_the_factor_made_anew(d: int) -> None:
    prior = np.full(d, 1e-4)
    row, _ = fill(sample(d, 3 * d + 40), prior)
    anew = row.copy()
    anew[moments(d) :] = np.nan
    factor(anew, d, prior)
    x, move = sample(d, 1, seed=1)[0], np.empty(d)
    assert distance(row, x, move) == pytest.approx(distance(anew, x, move), rel=1e-10)
    assert np.array_equal(anew[: moments(d)], row[: moments(d)])


@pytest.mark.parametrize("d", SIZES)
def test_scoring_gives_what_taking_in_gives_and_changes_nothing(d: int) -> None:
    prior = np.ones(d)
    row, _ = fill(sample(d, d + 30), prior)
    before, x, move = row.copy(), sample(d, 1, seed=2)[0], np.empty(d)
    scored = distance(row, x, move)
    assert np.array_equal(row, before)
    assert scored == pytest.approx(absorb(row, x, move), rel=1e-14)


def test_taking_into_moments_alone_gives_the_same_moments() -> None:
    rows = sample(10, 50)
    row, _ = fill(rows, np.ones(10))
    own, move = np.zeros(moments(10)), np.empty(10)
    for x in rows:
        add(own, x, move)
    assert np.array_equal(own, row[: moments(10)])


@pytest.mark.parametrize("cut", [0, 1, 17, 50])
def test_two_parts_join_to_the_whole(cut: int) -> None:
    rows, prior = sample(10, 50), np.ones(10)
    (a, _), (b, _) = fill(rows[:cut], prior), fill(rows[cut:], prior)
    kept = b.copy()
    join(a, b, 10, np.empty(10))
    assert a[0] == 50
    assert a[1:11] == pytest.approx(rows.mean(axis=0), rel=1e-13)
    assert_close_co_moments(co_moments(a, 10), naive_co_moments(rows))
    assert np.array_equal(b, kept)


@pytest.mark.parametrize("missing", [[0], [3, 9], [0, 1, 2, 3, 4, 5, 6, 7, 8]])
@pytest.mark.parametrize("mark", [np.nan, np.inf, -np.inf])
def test_missing_features_leave_the_distance_of_the_others(missing, mark) -> None:
    rows, prior = sample(10, 60), np.full(10, 1e-6)
    row, _ = fill(rows, prior)
    x = sample(10, 1, seed=3)[0]
    x[missing] = mark
    columns, part = np.empty(10, np.int64), np.empty(1 + 50 + 100)
    found = marginal(row, x, prior, columns, part)
    kept = np.isfinite(x)
    expected = naive_distance(rows[:, kept], x[kept], prior[kept])
    assert found == pytest.approx(expected, rel=1e-9)
    x[:] = mark
    assert np.isnan(marginal(row, x, prior, columns, part))


def test_fewer_rows_than_features_suffice_for_a_margin() -> None:
    rows, prior = sample(10, 5), np.full(10, 1e-12)
    row, _ = fill(rows, prior)
    x = np.full(10, np.nan)
    x[[2, 7]] = rows[0, [2, 7]] + 1.0
    found = marginal(row, x, prior, np.empty(10, np.int64), np.empty(151))
    expected = naive_distance(rows[:, [2, 7]], x[[2, 7]], prior[[2, 7]])
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e8])
def test_a_sum_of_features_is_no_alarm_by_rounding(scale: float) -> None:
    """A pivot of nothing but rounding errors must not make ordinary rows anomalies."""
    rng = np.random.default_rng(4)
    two = scale * (3.0 + rng.normal(size=(400, 2)))
    rows = np.column_stack([two, two.sum(axis=1)])
    prior = np.full(3, 1e-12)
    row, found = fill(rows, prior)
    direct = [
        naive_distance(rows[:k, :2], x[:2], prior[:2]) for k, x in enumerate(rows)
    ]
    extra = found[20:] - np.array(direct)[20:]
    assert (extra > -1e-6 * found[20:]).all()
    assert (extra < 0.1).all()
    factor(row, 3, prior)
    again = distance(row, rows[7], np.empty(3))
    assert again == pytest.approx(
        naive_distance(rows[:, :2], rows[7, :2], prior[:2]), abs=0.1
    )


def test_a_feature_that_never_moved_is_measured_by_the_prior() -> None:
    rows = sample(2, 50)
    rows[:, 1] = 7.0
    prior = np.array([1e-12, 0.01])
    row, found = fill(rows, prior)
    assert np.isfinite(found[3:]).all()
    moved = np.array([rows[:, 0].mean(), 7.5])
    assert distance(row, moved, np.empty(2)) == pytest.approx(49 * 0.25 / 0.01)
