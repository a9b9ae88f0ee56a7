"""Transforms are declared, monotone and leave gaps alone."""

from math import asinh, log1p, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.summary import InvalidInput
from stats.transforms import Transforms

ALL = Transforms(("identity", "asinh", "log1p"), (1.0, 15.0, 2.0))


def test_each_feature_has_its_own_formula():
    found = ALL.apply(np.array([[[-3.0, -30.0, 7.0]], [[nan, nan, nan]]]))
    expected = [-3.0, asinh(-2.0), log1p(3.5)]
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-15)
    assert np.isnan(found[1]).all()
    assert found.shape == (2, 1, 3)


def test_input_stays_as_it_was_and_float32_becomes_float64():
    x = np.ones((2, 3), dtype=np.float32)
    found = ALL.apply(x)
    assert found.dtype == np.float64
    assert (x == 1).all()
    same = Transforms.identity(3).apply(x.astype(np.float64))
    assert (same == 1).all()
    assert ALL.apply(np.zeros((0, 3))).shape == (0, 3)


@given(st.lists(st.floats(0, 1e300), min_size=2, max_size=9))
def test_order_is_kept(xs):
    found = ALL.apply(np.repeat(np.sort(xs)[:, None], 3, axis=1))
    assert (np.diff(found, axis=0) >= 0).all()


@pytest.mark.parametrize(
    ("kinds", "scales", "text"),
    [
        (("identity",), (1.0, 2.0), "1 kinds and 2 scales"),
        (("sqrt",), (1.0,), "unknown kind 'sqrt'"),
        (("asinh",), (0.0,), "scale 0.0 of asinh"),
        (("log1p",), (nan,), "scale nan of log1p"),
    ],
)
def test_transforms_that_make_no_sense_are_refused(kinds, scales, text):
    with pytest.raises(InvalidInput, match=text):
        Transforms(kinds, scales)


def test_another_number_of_features_is_refused():
    with pytest.raises(InvalidInput, match="2 features, 3 transforms"):
        ALL.apply(np.zeros((1, 2)))
