"""Which dependence counts, and that a source moves no share but its own."""

import numpy as np
import pytest

from stats.summary import InvalidInput
from stats.tempering_choice import choose_tempering, fixed_tempering, own_tempering


def rows(seed: int, shared: float) -> tuple[np.ndarray, ...]:
    """200 agents, 5 sources, 3 nights, 4 rows a night; noise shared within nights."""
    rng = np.random.default_rng(seed)
    shape = 200, 5, 3, 4
    agent, source, night, _ = np.indices(shape)
    common = rng.standard_normal(shape[:3])[..., None]
    x = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.standard_normal(shape)
    return tuple(column.ravel() for column in (x, agent, source, night))


def test_each_source_is_judged_by_its_own_rows():
    x, agent, source, night = rows(0, 0.3)
    found = own_tempering(x, agent, source, night, 5)
    np.testing.assert_allclose(found, 1 / (1 + 3 * 0.3), rtol=0.15)
    rng = np.random.default_rng(1)
    liar = np.where(source == 4, 1e6 * rng.standard_normal(len(x)), x)
    moved = own_tempering(liar, agent, source, night, 5)
    np.testing.assert_array_equal(moved[:4], found[:4])
    kept = source != 2
    without = own_tempering(x[kept], agent[kept], source[kept], night[kept], 5)
    assert without[2] == np.median(found[[0, 1, 3, 4]])


def test_the_smaller_share_counts_in_any_order():
    x, agent, source, night = rows(2, 0.4)
    by_cell = choose_tempering(x, agent, source * 3 + night, 0 * night)
    assert (by_cell.cluster, by_cell.n) == ("source", 200 * 60)
    assert by_cell.value == pytest.approx(1 / (1 + 3 * 0.4), rel=0.1)
    swapped = choose_tempering(x, agent, 0 * night, source * 3 + night)
    assert (swapped.cluster, swapped.value) == ("night", by_cell.value)
    order = np.random.default_rng(3).permutation(len(x))
    again = choose_tempering(*(c[order] for c in (x, agent, source, night)))
    assert again == choose_tempering(x, agent, source, night)


def test_without_enough_rows_nothing_is_tempered_and_that_is_said():
    found = choose_tempering([1.0, 2.0], [0, 0], [0, 0], [0, 0])
    assert (found.value, found.n, found.cluster) == (1.0, 0, "")
    assert "not estimated" in str(found)
    np.testing.assert_array_equal(own_tempering([1.0], [0], [1], [0], 3), np.ones(3))
    assert fixed_tempering(0.5).value == 0.5
    for bad in (0.0, 1.5, float("nan")):
        with pytest.raises(InvalidInput):
            fixed_tempering(bad)
