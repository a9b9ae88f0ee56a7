"""Totals of a pass: the laws, a dictionary as naive twin, and refusals."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

from stats.evidence_totals import EvidenceTotals
from stats.summary import Incompatible, InvalidInput
from tests.laws import check_laws, same_bytes


class Rows(NamedTuple):
    """Cells, ratios and weights; rows of even cells are kept whole."""

    cell: np.ndarray
    ratio: np.ndarray
    weight: np.ndarray


def build(rows: Rows) -> EvidenceTotals:
    kept = np.flatnonzero((rows.cell >= 0) & (rows.cell % 2 == 0))
    places = np.stack([rows.cell[kept], rows.cell[kept] // 3, 0 * kept], axis=1)
    return EvidenceTotals.from_rows(
        rows.ratio, rows.weight, rows.cell, kept=kept, places=places
    )


def join(a: Rows, b: Rows) -> Rows:
    return Rows(*(np.concatenate(pair) for pair in zip(a, b, strict=True)))


VALUES = st.sampled_from([1e16, -1e16, 0.25, -0.0, 1e-300, 3.0])
ROW = st.tuples(
    st.sampled_from([-1, 0, 1, 2, 7, 10**12]), VALUES, st.sampled_from([0.0, 0.5, 1.0])
)


def arrays(drawn: list[tuple[int, float, float]]) -> Rows:
    cell, ratio, weight = zip(*drawn, strict=True) if drawn else ((), (), ())
    return Rows(
        np.array(cell, np.int64), np.array(ratio, float), np.array(weight, float)
    )


def test_laws():
    block = st.lists(ROW, max_size=8).map(arrays)
    check_laws(st.tuples(block, block, block), build, join, EvidenceTotals.from_arrays)


def test_cells_equal_a_dictionary_of_fractions():
    rng = np.random.default_rng(0)
    for largest in (5, 10**13):
        cell = rng.integers(-1, largest, 400) // max(1, largest // 40)
        rows = Rows(cell, rng.normal(size=400) * 1e8, rng.integers(0, 9, 400) / 8)
        wanted: dict[int, Fraction] = {}
        for c, x, w in zip(*rows, strict=True):
            if c >= 0:
                term = Fraction(float(x)) * Fraction(float(w))
                wanted[int(c)] = wanted.get(int(c), Fraction(0)) + term
        found = build(rows)
        assert found.ids.tolist() == sorted(wanted)
        sums = found.sums.log_ratio()[:, 0].tolist()
        assert sums == [float(wanted[c]) for c in sorted(wanted)]
        order = rng.permutation(400)
        same_bytes(found, build(Rows(*(column[order] for column in rows))))


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInput, match="places"):
        EvidenceTotals.from_rows([1.0], 1.0, [0], kept=[0], places=[[1, 2]])
    state = EvidenceTotals.from_rows([1.0], 1.0, [0]).to_arrays()
    with pytest.raises(Incompatible, match="2 cells"):
        EvidenceTotals.from_arrays(state | {"ids": np.array([0, 1])})
    del state["ratios"]
    with pytest.raises(InvalidInput, match="ratios"):
        EvidenceTotals.from_arrays(state)
