"""What sources say by agent, and the others without one of them."""

import numpy as np
import pytest

from stats import source_table as module
from stats.evidence import EvidenceSums
from stats.source_table import left_out_consensus, source_table
from stats.summary import InvalidInput


def naive(table):
    """The trimmed mean of the others, source by source."""
    out = np.full(table.shape, np.nan)
    for a, row in enumerate(table):
        cut = max((np.isfinite(row).sum() - 1) // 3, 0)
        for s in range(len(row)):
            others = np.delete(row, s)
            others = np.sort(others[~np.isnan(others)])
            kept = others[cut : len(others) - cut]
            if len(kept):
                out[a, s] = kept.mean()
    return out


@pytest.mark.parametrize("sources", [1, 2, 3, 4, 5, 7, 10, 13])
def test_the_others_are_what_the_naive_twin_says(sources, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 37)
    rng = np.random.default_rng(sources)
    table = rng.standard_normal((200, sources)).round(1)
    table[rng.random(table.shape) < 0.3] = np.nan
    found = left_out_consensus(table)
    np.testing.assert_allclose(found, naive(table), rtol=0, atol=1e-13)
    assert np.isfinite(found).any() == (sources > 1)


def test_a_huge_lie_leaves_no_trace_in_the_others():
    rng = np.random.default_rng(1)
    table = rng.standard_normal((500, 10))
    table[:, 7:] = [1e300, -1e300, 1e300]
    found = left_out_consensus(table)
    honest = table[:, :7]
    low, high = honest.min(axis=1)[:, None], honest.max(axis=1)[:, None]
    assert (found >= low).all()
    assert (found <= high).all()


def test_a_busy_source_speaks_no_louder_in_the_table():
    ratio, group = [1.0] * 100 + [1.0, 4.0], [0] * 100 + [1, 2]
    table, rows = source_table(EvidenceSums.from_block(ratio, 1.0, group, 4), 2)
    np.testing.assert_array_equal(table, [[1.0, 1.0], [4.0, np.nan]])
    np.testing.assert_array_equal(rows, [[100, 1], [1, 0]])


def test_what_is_no_table_is_refused():
    with pytest.raises(InvalidInput, match="4 groups"):
        source_table(EvidenceSums.from_block([1.0], 1.0, [0], 4), 3)
    with pytest.raises(InvalidInput, match="1 infinite"):
        left_out_consensus([[1.0, np.inf]])
    with pytest.raises(InvalidInput, match=r"table \(2,\)"):
        left_out_consensus([1.0, 2.0])
