"""Sums of evidence: the laws, rational arithmetic, and refusals that apply nothing."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats import evidence_block
from stats.evidence import EvidenceSums, quantised
from stats.summary import Incompatible, InvalidInput, merge_all
from tests.laws import check_laws, same_bytes

GROUPS, KINDS = 4, 3
RATIOS = st.one_of(
    st.floats(-50, 50),
    st.sampled_from([1e16, -1e16, 0.125, -0.0, 5e-324, 1e300, -1e300, 2.0**-1060]),
)


class Rows(NamedTuple):
    ratio: list[float]
    weight: list[float]
    group: list[int]
    kind: list[int]


def rows():
    one = st.tuples(
        RATIOS, st.floats(0, 1), st.integers(-1, GROUPS - 1), st.integers(0, KINDS - 1)
    )
    columns = st.lists(one, max_size=12).map(lambda r: list(zip(*r, strict=True)))
    return columns.map(lambda c: Rows(*map(list, c)) if c else Rows([], [], [], []))


def build(block: Rows) -> EvidenceSums:
    return EvidenceSums.from_block(
        block.ratio, block.weight, block.group, GROUPS,
        hypotheses=block.kind, n_hypotheses=KINDS,
    )  # fmt: skip


def join(a: Rows, b: Rows) -> Rows:
    return Rows(*(x + y for x, y in zip(a, b, strict=True)))


def test_laws():
    check_laws(st.tuples(rows(), rows(), rows()), build, join, EvidenceSums.from_arrays)


@given(rows())
def test_every_sum_is_the_rational_one_rounded_once(block):
    found = build(block)
    signed = np.zeros((GROUPS, KINDS), dtype=object) + Fraction(0)
    size, n, total, square = signed.copy(), *(np.zeros((GROUPS, KINDS), int),) * 3
    n, total, square = n.copy(), total.astype(object), square.astype(object)
    weights = quantised(block.weight).tolist()
    for x, k, g, h in zip(block.ratio, weights, block.group, block.kind, strict=True):
        if g >= 0:
            signed[g, h] += Fraction(x) * k / 65536
            size[g, h] += abs(Fraction(x)) * k / 65536
            n[g, h] += 1
            total[g, h] += k
            square[g, h] += k * k
    np.testing.assert_array_equal(found.log_ratio(), signed.astype(np.float64))
    np.testing.assert_array_equal(found.magnitude(), size.astype(np.float64))
    np.testing.assert_array_equal(found.n, n)
    np.testing.assert_array_equal(found.counts[..., 1], total.astype(np.int64))
    np.testing.assert_array_equal(found.counts[..., 2], square.astype(np.int64))
    for reference in range(KINDS):
        difference = signed - signed[:, [reference]]
        np.testing.assert_array_equal(
            found.against(reference), difference.astype(np.float64)
        )


@pytest.mark.parametrize("size", [1, 10, 1_000, 10_000, 30_000])
def test_no_bit_depends_on_the_partition_or_the_order(size):
    rng = np.random.default_rng(1)
    n = 30_000
    ratio = np.concatenate(
        [rng.normal(0.05, 1, n - 300), np.tile([1e16, 1, -1e16], 100)]
    )
    weight, group = rng.random(n), rng.integers(0, 50, n)
    whole = EvidenceSums.from_block(ratio, weight, group, 50)
    order = rng.permutation(n)
    small = 3_000 if size == 1 else n
    cut = [order[i : i + size] for i in range(0, small, size)] + [order[small:]]
    parts = [
        EvidenceSums.from_block(ratio[i], weight[i], group[i], 50)
        for i in cut
        if len(i)
    ]
    same_bytes(whole, merge_all(parts))
    assert whole.digest() == merge_all(parts[::-1]).digest()


def test_cells_in_blocks_give_the_same_bytes(monkeypatch):
    rng = np.random.default_rng(2)
    ratio = rng.standard_normal(500) * 10.0 ** rng.integers(-200, 200, 500)
    group = rng.integers(0, 60, 500)
    whole = EvidenceSums.from_block(ratio, 0.5, group, 60)
    monkeypatch.setattr(evidence_block, "_BLOCK_BYTES", 16 * 50 * 7)
    same_bytes(whole, EvidenceSums.from_block(ratio, 0.5, group, 60))


def test_weights_count_as_stated():
    none = EvidenceSums.from_block([3.0], [0.0], [0], 1)
    assert (none.n[0, 0], none.log_ratio()[0, 0], none.effective_n()[0, 0]) == (1, 0, 0)
    full = EvidenceSums.from_block([3.0], [1.0], [0], 1)
    assert full.log_ratio()[0, 0] == 3.0
    equal = EvidenceSums.from_block([1.0] * 7, 0.25, [0] * 7, 1)
    assert equal.effective_n()[0, 0] == 7.0
    assert equal.weight()[0, 0] == 1.75


def test_the_effective_number_is_smaller_when_weights_differ():
    one = EvidenceSums.from_block([1.0, 1.0], [1.0, 0.5], [0, 0], 1)
    assert one.effective_n()[0, 0] == pytest.approx(1.5**2 / 1.25)


@pytest.mark.parametrize(
    ("ratio", "weight", "group", "kind", "words"),
    [
        ([np.nan], [1.0], [0], [0], "not finite"),
        ([np.inf], [1.0], [0], [0], "not finite"),
        ([2.0**1000], [1.0], [0], [0], "below 2\\^1000"),
        ([1.0], [1.5], [0], [0], "confidences"),
        ([1.0], [np.nan], [0], [0], "confidences"),
        ([1.0], [1.0], [4], [0], "groups from 4"),
        ([1.0], [1.0], [-2], [0], "groups from -2"),
        ([1.0], [1.0], [0], [3], "hypotheses from 3"),
        ([1.0, 2.0], 1.0, [0], [0], "one of each per row"),
    ],
)
def test_what_cannot_be_evidence_is_refused(ratio, weight, group, kind, words):
    with pytest.raises(InvalidInput, match=words):
        build(Rows(ratio, weight, group, kind))


def test_sums_that_do_not_fit_are_refused():
    a = EvidenceSums.from_block([1.0], 1.0, [0], 1)
    b = EvidenceSums.from_block([1.0], 1.0, [0], 2)
    with pytest.raises(Incompatible, match="merge"):
        a.merge(b)
    with pytest.raises(Incompatible, match="fewer than 0 rows"):
        a.empty().subtract(a)
    with pytest.raises(InvalidInput, match="parent"):
        a.rollup([0, 0], 1)
    with pytest.raises(InvalidInput, match="hypothesis 1 of 1"):
        a.against(1)
    with pytest.raises(InvalidInput, match="no array"):
        EvidenceSums.from_arrays({})
