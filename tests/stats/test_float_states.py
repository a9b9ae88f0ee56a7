"""Bits, layouts and refusals of float moments: what a state is, and whom it fits."""

import time
from math import inf, nan

import numpy as np
import pytest
from numpy.typing import NDArray

from stats import kernels_float
from stats.float_moments import FloatMoments, center_of
from stats.moments import GroupMoments
from stats.summary import Incompatible, InvalidInput, pack, unpack
from stats.warm import warm
from tasks.reduce import tree_reduce
from tests.laws import same_bytes
from tests.strategies import Block

EPSILON = float(np.finfo(np.float64).eps)
CENTER = np.array([0.0, 1e9, -1.5])


def build(block: Block) -> FloatMoments:
    center = CENTER[: block.values.shape[1]]
    return FloatMoments.from_block(*block, center=center, higher=True)


def one_group(x: NDArray[np.floating], **options) -> FloatMoments:
    options = {"center": np.zeros(x.shape[-1])} | options
    return FloatMoments.from_block(x, np.zeros(len(x), dtype=np.int64), 1, **options)


def gaps(rng: np.random.Generator, x: NDArray[np.floating], share: float):
    x[rng.random(x.shape) < share] = nan
    return x


@pytest.mark.parametrize("times", [1, 50, 64, 128])
def test_memory_layout_changes_no_bits(times):
    rng = np.random.default_rng(times)
    x = gaps(rng, rng.normal(2.0, 3.0, (40, times, 5)).astype(np.float32), 0.02)
    x[7, 0, 2] = inf
    groups = rng.integers(-1, 4, 40)
    center = np.full(5, 0.1)

    def summary(block, where):
        return FloatMoments.from_block(block, where, 4, center=center, higher=True)

    expected = summary(x, groups)
    columns = np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)
    wide = np.full((80, times, 10), nan, dtype=np.float32)
    wide[::2, :, ::2] = x
    frozen = columns.copy(order="K")
    frozen.flags.writeable = False
    for block in (columns, wide[::2, :, ::2], frozen, x.astype(np.float64)):
        same_bytes(expected, summary(block, groups))
    same_bytes(expected, summary(columns.astype(">f8"), groups.astype(np.int16)))
    same_bytes(expected, summary(x.reshape(-1, 5), np.repeat(groups, times)))


def pinned() -> FloatMoments:
    """Moments of numbers that every machine makes alike, in whole tiles and parts."""
    x = (np.arange(26 * 64 * 5) * 0.7 % 3.1).reshape(26, 64, 5)
    x[x < 0.35] = nan
    groups, center = np.arange(26) // 20, np.full(5, 1.5)
    return FloatMoments.from_block(x, groups, 2, center=center, higher=True)


def test_bits_are_those_of_this_version_on_every_machine():
    """Another tile or lane rounds elsewhere: then `state_version` has to rise."""
    m = pinned()
    assert m.pair_count[0, 0, 1] < m.count[0, 0] < 1280
    assert (m.state_version, m.digest()[:16]) == (1, "c7605c48990cd7f5")


def test_rows_meet_their_lanes_whatever_else_is_in_the_block():
    """The sums of a group are those of its rows alone."""
    rng = np.random.default_rng(4)
    x = gaps(rng, rng.normal(size=(3000, 3)), 0.05)
    groups = rng.integers(0, 3, 3000)
    together = FloatMoments.from_block(x, groups, 3, center=np.zeros(3))
    for g in range(3):
        same_bytes(one_group(x[groups == g]), together.take(np.array([g])))


def test_bits_are_those_of_the_key_order_for_any_workers():
    rng = np.random.default_rng(6)
    data = gaps(rng, rng.normal(3.0, 1.0, (37, 90, 3)), 0.02)
    groups = rng.integers(0, 3, (37, 90))

    def work(delays):
        def summarize(i):
            time.sleep(delays[i])
            return FloatMoments.from_block(data[i], groups[i], 3, center=np.ones(3))

        return summarize

    digests, arrivals = set(), rng.random((3, 37)) / 200
    for delays, threads in zip(arrivals, (None, 1, 4), strict=True):
        found = tree_reduce(range(37), work(delays), threads=threads, split_every=4)
        digests.add(found.digest())
    assert len(digests) == 1
    flat = FloatMoments.from_block(
        data.reshape(-1, 3), groups.ravel(), 3, center=np.ones(3)
    )
    assert flat.digest() not in digests
    np.testing.assert_allclose(flat.covariance(), found.covariance(), rtol=1e-12)


def test_centre_is_a_short_number_near_the_mean():
    rng = np.random.default_rng(9)
    x = rng.normal([0.0, 1e8, -3.0, 0.3], [1.0, 1e-3, 1e5, 0.0], (500, 4))
    x[5, 1], x[6, 0] = inf, nan
    x = np.column_stack([x, np.full(500, nan)])
    center = FloatMoments.center_from(x)
    finite = np.where(np.isinf(x), nan, x)[:, :4]
    mean, sd = np.nanmean(finite, axis=0), np.nanstd(finite, axis=0)
    assert (np.abs(center[:4] - mean) <= sd / 8 + 1e-15).all()
    assert (center[3], center[4]) == (0.3, 0.0)
    scaled = np.ldexp(center[:3], 3 - np.frexp(sd[:3])[1])
    np.testing.assert_array_equal(scaled, np.rint(scaled))
    groups = rng.integers(0, 3, 500)
    split = GroupMoments.from_block(x, groups, 3, pairs=False)
    np.testing.assert_array_equal(center_of(split), center)
    np.testing.assert_array_equal(center_of(split.empty()), np.zeros(5))
    huge = np.array([[1e300], [1e300], [1e300 * (1 + 2**-50)]])
    assert FloatMoments.center_from(huge)[0] == pytest.approx(1e300)


def test_states_that_do_not_fit_are_refused():
    a = one_group(np.zeros((2, 2)))
    with pytest.raises(Incompatible, match="features"):
        a.merge(one_group(np.zeros((2, 3))))
    with pytest.raises(Incompatible, match="higher"):
        a.merge(one_group(np.zeros((2, 2)), higher=True))
    other = one_group(np.zeros((2, 2)), center=np.array([0.0, 1.0]))
    with pytest.raises(Incompatible, match=r"feature 1 differ: 0\.0 and 1\.0"):
        a.merge(other)
    with pytest.raises(InvalidInput, match=r"FloatMoments\.rollup: parent has shape"):
        a.rollup(np.array([0, 0]), 1)
    with pytest.raises(InvalidInput, match="no array 'sums'"):
        FloatMoments.from_arrays(
            {k: v for k, v in a.to_arrays().items() if k != "sums"}
        )
    with pytest.raises(InvalidInput, match=r"FloatMoments.from_block: values \(3,\)"):
        one_group(np.zeros(3), center=np.zeros(1))
    assert not hasattr(a, "subtract")


@pytest.mark.parametrize("center", [[0.0], [0.0, nan], [inf, 0.0], [[0.0, 0.0]]])
def test_a_centre_that_does_not_fit_is_refused(center):
    with pytest.raises(InvalidInput, match="Give one finite number each"):
        one_group(np.zeros((2, 2)), center=np.array(center))


def test_nothing_is_compiled_after_the_warm_up():
    warm()
    compiled = (kernels_float.add_block, kernels_float.add_rows)
    before = [len(kernel.signatures) for kernel in compiled]
    assert before == [2, 2]  # float32 and float64; float64 and int64
    x = np.array([[1.0, nan], [2.0, 3.0]])
    groups, center = np.array([0, 1]), np.zeros(2)
    center.flags.writeable = False
    for block in (x, x.astype(">f4"), np.asfortranarray(x), x.astype(np.float32)):
        for higher in (True, False):
            m = FloatMoments.from_block(block, groups, 2, center=center, higher=higher)
            packed = pack(m.to_arrays(), kind="m", version=1)
            back = FloatMoments.from_arrays(unpack(packed)[2])
            parent = np.zeros(2, dtype=np.int32)
            parent.flags.writeable = False
            back.merge(m).rollup(parent, 1).digest()
    assert [len(kernel.signatures) for kernel in compiled] == before
