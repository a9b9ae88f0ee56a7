"""Families of tests against the textbook definitions."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stats.fdr import control_false_discovery, q_values, simes
from stats.summary import InvalidInput

P_VALUES = st.lists(
    st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=0, max_size=30
)


def _naive_step_up(p, q, *, dependent):
    """Reject the k smallest, k the largest with p₍ₖ₎ <= k q / (m c).

    A p-value within rounding of its threshold may go either way: no example.
    """
    tested = [i for i, value in enumerate(p) if not np.isnan(value)]
    m = len(tested)
    c = sum(1 / i for i in range(1, m + 1)) if dependent else 1.0
    order = sorted(tested, key=lambda i: p[i])
    scaled = [p[order[i]] * m * c / (i + 1) for i in range(m)]
    assume(all(abs(value - q) > 1e-12 for value in scaled))
    k = max((i + 1 for i in range(m) if scaled[i] <= q), default=0)
    return [i in order[:k] for i in range(len(p))]


@given(P_VALUES, st.sampled_from(["bh", "by"]))
def test_discoveries_equal_the_step_up_rule(p, method):
    expected = _naive_step_up(p, 0.2, dependent=method == "by")
    assert control_false_discovery(p, 0.2, method).tolist() == expected


@given(P_VALUES)
def test_untested_is_dropped_first_and_never_rejected(p):
    values = np.array(p, dtype=float)
    tested = ~np.isnan(values)
    assert np.array_equal(np.isnan(q_values(values)), ~tested)
    assert np.array_equal(q_values(values)[tested], q_values(values[tested]))
    assert not control_false_discovery(values, 0.99)[~tested].any()


def test_simes_of_a_hand_worked_case():
    p = [0.04, 0.01, 0.9, 0.5, np.nan, 1e-9]
    groups = [0, 0, 0, 1, 1, -1]
    found = simes(p, groups, 3)
    np.testing.assert_allclose(found[:2], [0.03, 0.5])
    assert np.isnan(found[2])


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), max_size=40))
def test_simes_equals_its_definition(pairs):
    groups = np.array([g for g, _ in pairs], dtype=int)
    p = np.array([value for _, value in pairs], dtype=float)
    found = simes(p, groups, 4)
    for g in range(4):
        own = np.sort(p[groups == g])
        if not len(own):
            assert np.isnan(found[g])
            continue
        expected = min(len(own) * v / (k + 1) for k, v in enumerate(own))
        np.testing.assert_allclose(found[g], min(expected, 1.0), rtol=1e-14)


def test_input_that_is_no_probability_is_refused():
    with pytest.raises(InvalidInput, match=r"\[1.5, 1.5\]"):
        q_values([1.5])
    with pytest.raises(InvalidInput, match="q 5"):
        control_false_discovery([0.1], 5)
    with pytest.raises(InvalidInput, match="holm"):
        q_values([0.1], "holm")
    with pytest.raises(InvalidInput, match="differ"):
        simes([0.1], [0, 1], 2)
