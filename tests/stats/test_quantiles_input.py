"""What enters and leaves counts in relative bins: layouts, refusals, size, warm-up."""

from math import nan
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stats import kernels_quantiles
from stats.labelled import Labelled
from stats.quantiles import GroupQuantiles
from stats.summary import Incompatible, InvalidInput, pack, unpack
from tests.laws import same_bytes


def sample(shape: tuple[int, ...]) -> NDArray[np.float32]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=shape).astype(np.float32)
    x[rng.random(shape) < 0.1] = nan
    return x


def one_group(x: NDArray[Any]) -> GroupQuantiles:
    return GroupQuantiles.from_block(x, np.zeros(len(x), dtype=np.int64), 1)


def test_three_axes_are_the_rows_of_their_agents():
    x = sample((9, 5, 2))
    for groups in (np.arange(9) // 3, np.array([2, 0, -1, 1, 0, 2, 2, -1, 0])):
        expected = GroupQuantiles.from_block(x.reshape(45, 2), np.repeat(groups, 5), 3)
        assert len(expected.bins) > 20
        physical = np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)
        wide = np.full((18, 10, 4), nan, dtype=np.float32)
        wide[::2, ::2, ::2] = x
        frozen = physical.transpose(0, 1, 2)
        frozen.flags.writeable = False
        for layout in (x, physical, wide[::2, ::2, ::2], frozen, x.astype(">f4"),
                       x.astype(np.float64), np.asfortranarray(x)):  # fmt: skip
            same_bytes(expected, GroupQuantiles.from_block(layout, groups, 3))


def test_two_axes_have_any_layout_and_order():
    x, groups = sample((40, 3)), np.random.default_rng(1).integers(-1, 4, 40)
    order = np.argsort(groups, kind="stable")
    expected = GroupQuantiles.from_block(x[order], groups[order], 4)
    for layout in (x, np.asfortranarray(x), x[::-1].copy()[::-1], x.astype(">f8")):
        same_bytes(expected, GroupQuantiles.from_block(layout, groups.astype("i1"), 4))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i1", "u2", ">i8", "?"])
def test_dtype_and_byte_order_do_not_matter(dtype):
    x = np.array([[1, 0], [1, 1], [0, 1], [1, 1]])
    assert one_group(x.astype(dtype)).digest() == one_group(x.astype("f8")).digest()


def test_signalling_nan_is_missing():
    bits = [0x7FF0000000000001, 0xFFF8000000000000, 0x3FF0000000000000]
    x = np.array(bits, dtype=np.uint64).view(np.float64)[:, None]
    assert one_group(x).count.tolist() == [[1]]
    assert one_group(x).quantile(0.5).tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("values", "groups", "text"),
    [
        (np.zeros(3), np.zeros(3, dtype=int), "do not fit"),
        (np.zeros((3, 1)), np.zeros(2, dtype=int), "do not fit"),
        (np.zeros((3, 2, 1)), np.zeros(6, dtype=int), "do not fit"),
        (np.zeros((3, 1)), np.zeros(3), "do not fit"),
        (np.zeros((1, 1)), np.array([1]), "run from 1 to 1"),
        (np.zeros((1, 1)), np.array([-2]), "run from -2"),
        (np.zeros((1, 1), dtype=complex), np.array([0]), "complex128"),
        (np.array([["a"]]), np.array([0]), "does not fit float64"),
        (np.array([[2**53 + 1]]), np.array([0]), "9007199254740993"),
    ],
)
def test_blocks_that_cannot_be_counted_are_refused(values, groups, text):
    with pytest.raises(InvalidInput, match=text):
        GroupQuantiles.from_block(values, groups, 1)


@pytest.mark.parametrize("error", [0.0, 9e-5, 0.051, 1.0, nan])
def test_errors_that_no_bin_has_are_refused(error):
    with pytest.raises(InvalidInput, match="relative_error"):
        GroupQuantiles.from_block(
            np.zeros((1, 1)), np.array([0]), 1, relative_error=error
        )


def test_questions_without_an_answer_are_refused():
    state = one_group(np.ones((3, 2)))
    for q in (-0.1, 1.5, nan):
        with pytest.raises(InvalidInput, match="q runs from"):
            state.quantile(q)
    with pytest.raises(InvalidInput, match=r"level 1\.0"):
        state.quantile_interval(0.5, level=1.0)
    with pytest.raises(InvalidInput, match="1 of 2 thresholds are NaN"):
        state.cdf([1.0, nan])
    with pytest.raises(InvalidInput, match="do not broadcast"):
        state.rank_bounds([1.0, 2.0, 3.0])


def test_states_that_do_not_fit_are_refused():
    a = one_group(np.zeros((1, 2)))
    with pytest.raises(Incompatible, match="features"):
        a.merge(one_group(np.zeros((1, 3))))
    finer = GroupQuantiles.from_block(
        np.zeros((1, 2)), np.array([0]), 1, relative_error=0.001
    )
    with pytest.raises(Incompatible, match="relative_error"):
        a.merge(finer)
    with pytest.raises(Incompatible, match="was not part of"):
        a.subtract(one_group(np.ones((1, 2))))
    with pytest.raises(Incompatible, match="was not part of"):
        a.subtract(a.merge(a))
    with pytest.raises(Incompatible, match="was not part of"):
        a.empty().subtract(a)
    with pytest.raises(InvalidInput, match="one parent per group"):
        a.rollup(np.array([0, 0]), 1)
    with pytest.raises(InvalidInput, match="parents run from 1 to 1"):
        a.rollup(np.array([1]), 1)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("shape", [1, 2]),
        ("shape", [1, 2, 3]),
        ("shape", [1, 1, 7]),
        ("cells", [1, 0]),
        ("starts", [0, 2, 1]),
        ("starts", [1, 1, 3]),
        ("starts", [0, 3]),
        ("bins", [2, 1, 1]),
        ("bins", [1, 2**30, 1]),
        ("counts", [1, 0, 1]),
        ("counts", [1, 1]),
    ],
)
def test_arrays_that_are_no_state_are_refused(name, wrong):
    arrays = one_group(np.array([[1.0, 3.0], [2.0, 3.0]])).to_arrays()
    same_bytes(GroupQuantiles.from_arrays(arrays), GroupQuantiles.from_arrays(arrays))
    assert arrays["starts"].tolist() == [0, 2, 3]
    with pytest.raises(InvalidInput, match="Compute the summary again"):
        GroupQuantiles.from_arrays(arrays | {name: np.array(wrong)})
    del arrays[name]
    with pytest.raises(InvalidInput, match=f"'{name}'"):
        GroupQuantiles.from_arrays(arrays)


def test_state_does_not_grow_with_rows_or_empty_groups():
    x = np.tile(np.linspace(10.0, 20.0, 50), 40)[:, None]
    few = GroupQuantiles.from_block(x[:50], np.full(50, 3), 5)
    many = GroupQuantiles.from_block(x, np.full(len(x), 99_999), 100_000)
    assert len(few.bins) == len(many.bins) <= 50
    assert sum(a.nbytes for a in many.to_arrays().values()) < 50 * 6 + 64


def test_names_can_label_the_groups():
    a = Labelled(("a", "b"), GroupQuantiles.from_block(
        np.array([[1.0], [2.0]]), np.array([0, 1]), 2))  # fmt: skip
    b = Labelled(("b", "c"), a.groups)
    merged = a.merge(b)
    assert merged.groups.count.ravel().tolist() == [1, 2, 1]
    assert merged.groups.quantile(1.0).ravel().tolist() == [1.0, 2.0, 2.0]


def test_nothing_is_compiled_after_the_warm_up():
    kernels_quantiles.warm()
    compiled = (kernels_quantiles.count_runs, kernels_quantiles.join_runs)
    before = [len(kernel.signatures) for kernel in compiled]
    assert before == [2, 1]
    x, groups = np.array([[1.0, nan], [2.0, 3.0]]), np.array([0, 1])
    frozen = x.copy()
    frozen.flags.writeable = False
    for block in (x, x.astype("f4"), x.astype(">f4"), np.asfortranarray(x), frozen,
                  x[:, None, :]):  # fmt: skip
        m = GroupQuantiles.from_block(block, groups, 2)
        back = GroupQuantiles.from_arrays(
            unpack(pack(m.to_arrays(), kind="m", version=1))[2]
        )
        parent = np.zeros(2, dtype=np.int32)
        parent.flags.writeable = False
        back.merge(m).rollup(parent, 1).subtract(m.rollup(parent, 1)).cdf(1.0)
        back.take(np.array([1, 0])).quantile_interval(0.5)
    assert [len(kernel.signatures) for kernel in compiled] == before
