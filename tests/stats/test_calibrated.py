"""Null pools behind a detector, the Pareto tail beyond them, and serial rows."""

import numpy as np
import pytest
from scipy import stats as distributions

from stats.anomaly import MahalanobisDetector, control_false_discovery
from stats.calibration import TailCounts
from stats.moments import GroupMoments
from stats.null_law import serial_rows
from stats.pareto_tail import ParetoTail
from stats.summary import Incompatible, InvalidInput


def _heavy(n, d=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)) / np.sqrt(rng.chisquare(8, (n, 1)) / 8)
    return x * 10.0 ** np.arange(d)


def test_p_is_the_rank_among_null_rows():
    detector = MahalanobisDetector.fit(_heavy(300))
    null, new = _heavy(2_000, seed=1), _heavy(50, seed=2)
    found = detector.calibrated(null)
    scores, reference = detector.log_p(new), detector.log_p(null)
    rank = (1 + (reference <= scores[:, None]).sum(axis=1)) / 2_001
    # A whole bin, at most 1/128 of the score wide, counts as more extreme.
    wider = (1 + (reference <= scores[:, None] * (1 - 1 / 128)).sum(axis=1)) / 2_001
    p = found.p_value(new)
    assert (p >= rank - 1e-12).all()
    assert (p <= wider + 1e-12).all()
    assert repr(found) == "CalibratedDetector: n=2_000 null scores"


def test_beyond_the_pool_p_is_smaller_falls_and_is_flagged():
    detector = MahalanobisDetector.fit(_heavy(300))
    found = detector.calibrated(_heavy(2_000, seed=1))
    far = np.zeros((40, 3))
    far[:, 0] = np.geomspace(1e2, 1e9, 40)
    log_p = found.log_p(far)
    assert found.extrapolated(far).all()
    assert not found.extrapolated(_heavy(10)).any()
    assert np.isfinite(log_p).all()
    assert (np.diff(log_p) < 0).all()
    assert log_p[0] <= -np.log(2_001)


def test_a_pool_of_units_is_the_merge_of_their_counts():
    units = [MahalanobisDetector.fit(_heavy(60, seed=s)) for s in range(4)]
    codes = np.zeros(100, dtype=np.int64)
    scores = [u.log_p(_heavy(100, seed=9 + s)) for s, u in enumerate(units)]
    parts = [TailCounts.from_block(s, codes, 1) for s in scores]
    merged = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3])
    whole = TailCounts.from_block(np.concatenate(scores), np.zeros(400, int), 1)
    new = _heavy(20, seed=30)
    assert np.array_equal(
        units[0].calibrated(merged).log_p(new), units[0].calibrated(whole).log_p(new)
    )


def test_a_pool_that_says_nothing_is_refused():
    detector = MahalanobisDetector.fit(_heavy(60))
    empty = TailCounts.from_block([], [], 2)
    with pytest.raises(InvalidInput, match="holds 0"):
        detector.calibrated(empty)
    with pytest.raises(InvalidInput, match="pool 2 of 2"):
        detector.calibrated(empty, pool=2)


@pytest.mark.parametrize("shape", [0.0, 0.3])
def test_the_tail_finds_the_shape_of_pareto_scores(shape):
    rng = np.random.default_rng(0)
    scores = distributions.genpareto.rvs(shape, size=50_000, random_state=rng)
    pool = TailCounts.from_block(-scores, np.zeros(50_000, int), 1)
    tail = ParetoTail.fit(pool, 0)
    assert abs(tail.shape - shape) < 0.12
    assert tail.exceedances >= 1_000
    at = np.quantile(scores, 0.9999)
    expected = distributions.genpareto.logsf(at, shape)
    assert abs(float(tail.log_p(-at)) - expected) < 0.5


def test_few_null_scores_have_ranks_and_no_tail():
    few = TailCounts.from_block(-np.arange(1.0, 20.0), np.zeros(19, int), 1)
    tail = ParetoTail.fit(few, 0)
    assert tail.exceedances == 0
    assert tail.log_p([-1e6]).tolist() == [0.0]


def test_heavy_rows_are_known_as_such_and_normal_ones_as_normal():
    rng = np.random.default_rng(0)
    heavy = MahalanobisDetector.fit(_heavy(1_000))
    normal = MahalanobisDetector.fit(rng.standard_normal((1_000, 3)))
    assert heavy.law.tail_weights[0] < 0.01
    assert normal.law.tail_weights[0] > 0.5
    far = heavy.mean + np.array([[6.0, 0.0, 0.0]])
    bare = MahalanobisDetector.fit(_heavy(1_000), tail="normal")
    assert heavy.log_p(far)[0] > bare.log_p(far)[0] + 5


@pytest.mark.parametrize("shrinkage", [None, "oas"])
@pytest.mark.parametrize("tail", ["normal", "t"])
def test_log_p_is_finite_and_falls_to_the_end_of_the_scale(shrinkage, tail):
    found = MahalanobisDetector.fit(_heavy(80), shrinkage=shrinkage, tail=tail)
    d2 = np.geomspace(1e-3, 1e12, 300)
    log_p = found.law.log_p(d2, np.ones((300, 3), dtype=bool))
    assert np.isfinite(log_p).all()
    assert (np.diff(log_p[log_p < -1e-6]) < 0).all()


def test_decisions_are_the_central_ones_in_any_chunks():
    baseline, new = _heavy(200, d=4), _heavy(3_000, d=4, seed=1)
    new[:30] += [6.0, 60.0, 600.0, 6_000.0]
    found = MahalanobisDetector.fit(baseline, shrinkage=None, tail="normal")
    u = new - baseline.mean(axis=0)
    d2 = (u * np.linalg.solve(np.cov(baseline.T), u.T).T).sum(axis=1)
    f = d2 * 200 * 196 / (4 * (200**2 - 1))
    central = distributions.false_discovery_control(distributions.f.sf(f, 4, 196))
    whole = control_false_discovery(found.p_value(new), 0.05)
    parts = [found.p_value(part) for part in np.array_split(new, 7)]
    assert np.array_equal(whole, central <= 0.05)
    assert np.array_equal(whole, control_false_discovery(np.concatenate(parts), 0.05))
    assert whole[:30].all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_value_never_switches_detection_off(bad):
    baseline, new = _heavy(200), _heavy(40, seed=1)
    baseline[5, 1], new[:, 1], new[0, 0] = bad, bad, 30.0
    found = MahalanobisDetector.fit(baseline)
    log_p = found.log_p(new)
    assert np.isfinite(log_p).all()
    assert log_p.argmin() == 0


def test_serial_rows_count_less():
    assert serial_rows(100, 0.0) == (100.0, 100.0)
    assert serial_rows(3, 0.9) == (2.0, 2.0)
    rows, new = _heavy(200), _heavy(5, seed=1)
    plain = MahalanobisDetector.fit(rows, tail="normal")
    serial = MahalanobisDetector.fit(rows, serial_correlation=0.6)
    assert (serial.effective_n, serial.n) == (94, 200)
    assert (serial.log_p(new) > plain.log_p(new)).all()


def test_options_that_cannot_be_are_typed_errors():
    moments = GroupMoments.from_block(_heavy(30), np.zeros(30, dtype=int), 1)
    with pytest.raises(Incompatible, match="tail='t'"):
        MahalanobisDetector.fit(moments, tail="t")
    with pytest.raises(InvalidInput, match="'cauchy'"):
        MahalanobisDetector.fit(_heavy(30), tail="cauchy")
    with pytest.raises(InvalidInput, match="is not in"):
        MahalanobisDetector.fit(_heavy(30), serial_correlation=1.0)
