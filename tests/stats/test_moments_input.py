"""What enters and leaves exact moments: dtypes, layouts, refusals, size, warm-up."""

from math import nan

import numpy as np
import pytest
from numpy.typing import NDArray

from stats import kernels, kernels_moments
from stats.moments import GroupMoments
from stats.summary import Incompatible, InvalidInput, pack, unpack
from stats.warm import warm


def one_group(x: NDArray[np.float64], *, pairs: bool = True) -> GroupMoments:
    groups = np.zeros(len(x), dtype=np.int64)
    return GroupMoments.from_block(x, groups, 1, pairs=pairs)


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", ">f4", ">f8", "i1", "u2", ">i8", "?"]
)
def test_dtype_and_byte_order_do_not_matter(dtype):
    x = np.array([[1, 0], [1, 1], [0, 1], [1, 1]])
    groups = np.array([0, 1, 0, 1], dtype=np.int16)
    expected = GroupMoments.from_block(x.astype(np.float64), groups, 2)
    assert GroupMoments.from_block(x.astype(dtype), groups, 2).digest() == (
        expected.digest()
    )


def test_layout_does_not_matter():
    rng = np.random.default_rng(3)
    x, groups = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    expected = GroupMoments.from_block(x, groups, 2).digest()
    wide = np.full((40, 6), np.nan)
    wide[::2, ::2] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    backwards = x[::-1].copy()[::-1]
    for layout in (np.asfortranarray(x), wide[::2, ::2], frozen, backwards):
        assert GroupMoments.from_block(layout, groups, 2).digest() == expected
    assert GroupMoments.from_block(x, groups.astype(">i4"), 2).digest() == expected


def test_signalling_nan_is_missing():
    x = np.array([0x7FF0000000000001, 0x3FF0000000000000], dtype=np.uint64)
    assert one_group(x.view(np.float64)[:, None]).count.tolist() == [[1]]


@pytest.mark.parametrize(
    ("values", "groups", "text"),
    [
        (np.zeros(3), np.zeros(3, dtype=int), "do not fit"),
        (np.zeros((3, 1)), np.zeros(2, dtype=int), "do not fit"),
        (np.zeros((3, 1)), np.zeros(3), "do not fit"),
        (np.zeros((1, 1)), np.array([1]), "run from 1 to 1"),
        (np.zeros((1, 1)), np.array([-2]), "run from -2"),
        (np.zeros((1, 1), dtype=complex), np.array([0]), "complex128"),
        (np.array([["a"]]), np.array([0]), "does not fit float64"),
        (np.array([[2**53 + 1]]), np.array([0]), "9007199254740993"),
        (np.array([[-(2**63)]]), np.array([0]), "9223372036854775808"),
        (
            np.broadcast_to(0.0, (2**29 + 1, 1)),
            np.broadcast_to(np.int64(0), 2**29 + 1),
            "Split the block",
        ),
    ],
)
def test_input_that_cannot_be_summed_exactly_is_refused(values, groups, text):
    with pytest.raises(InvalidInput, match=text):
        GroupMoments.from_block(values, groups, 1)


def test_states_that_do_not_fit_are_refused():
    a = one_group(np.zeros((1, 2)))
    with pytest.raises(Incompatible, match="features"):
        a.merge(one_group(np.zeros((1, 3))))
    with pytest.raises(InvalidInput, match="one parent per group"):
        a.rollup(np.array([0, 0]), 1)
    with pytest.raises(InvalidInput, match="parents run from 1 to 1"):
        a.rollup(np.array([1]), 1)
    with pytest.raises(InvalidInput, match="no array 'sums'"):
        GroupMoments.from_arrays(
            {k: v for k, v in a.to_arrays().items() if k != "sums"}
        )


def test_state_keeps_only_the_limbs_that_the_numbers_need():
    x = np.arange(1000.0).reshape(200, 5)
    m = GroupMoments.from_block(x, np.arange(200) % 35, 35)
    size = sum(array.nbytes for array in m.to_arrays().values())
    counts_and_extremes = 35 * (25 + 10) * 8 + 35 * 10 * 8
    limbs = 35 * (5 + 15) * 2 * 4
    assert size <= counts_and_extremes + limbs + 64


def test_nothing_is_compiled_after_the_warm_up():
    warm()
    compiled = (
        kernels_moments.add_block,
        kernels.carry,
        kernels.join_words,
        kernels.roll_words,
        kernels.scatter_rows,
        kernels.window,
    )
    before = [len(kernel.signatures) for kernel in compiled]
    assert before == [2, 1, 1, 1, 1, 1]  # float32 and float64
    x = np.array([[1.0, nan], [2.0, 3.0]])
    groups = np.array([0, 1])
    for block in (x, x.astype(">f4"), np.asfortranarray(x)):
        for pairs in (True, False):
            m = GroupMoments.from_block(block, groups, 2, pairs=pairs)
            packed = pack(m.to_arrays(), kind="m", version=1)
            back = GroupMoments.from_arrays(unpack(packed)[2])
            parent = np.zeros(2, dtype=np.int32)
            parent.flags.writeable = False
            back.merge(m).rollup(parent, 1).subtract(m.rollup(parent, 1)).digest()
    assert [len(kernel.signatures) for kernel in compiled] == before
