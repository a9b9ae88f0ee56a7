"""Every planted fault makes the night fail, and a verdict names what went wrong."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from tests.homes import build_home, nights, take_in, write_shard
from tests.nights import verdicts
from tests.traps import faults

# Fault, and the checks that must all see it; others may see it too.
TRAPS: tuple[tuple[faults.Fault, frozenset[str]], ...] = (
    (faults.h1_rollup_divides_again, frozenset({"recompute"})),
    (faults.h2_cross_sums_never_added, frozenset({"recompute"})),
    (faults.h3_intervals_at_the_lowest_level_only, frozenset({"intervals"})),
    (faults.h4_groups_beyond_a_capacity_dropped, frozenset({"counts", "recompute"})),
    (faults.h6_one_gap_means_normal, frozenset({"sentinels"})),
    (faults.h7_state_for_two_features_only, frozenset({"counts", "recompute"})),
    (faults.h8_merge_counts_parts, frozenset({"counts"})),
    (faults.h9_a_repeated_shard_counts_twice, frozenset({"ledger", "counts"})),
    (faults.c1_interval_without_root_n, frozenset({"intervals"})),
    (faults.c2_no_data_is_zero_give_or_take, frozenset({"coverage"})),
    (faults.c4_healing_concatenates_versions, frozenset({"ledger"})),
    (faults.k3_labels_permuted, frozenset({"recompute"})),
    (faults.k3_same_night_appended_twice, frozenset({"counts", "recompute"})),
    (faults.k4_the_last_arrival_wins, frozenset({"ledger"})),
    (faults.m2_correlations_ignored, frozenset({"sentinels"})),
    (faults.m2_one_site_is_scored_blindly, frozenset({"sentinels"})),
    (faults.v1_a_check_raises, frozenset({"intervals"})),
    (faults.v2_yesterdays_numbers, frozenset({"counts", "recompute"})),
)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a silent site and with one night that was corrected."""
    folder = tmp_path_factory.mktemp("corrected")
    home = build_home(folder / "home")
    again = write_shard(folder, "north", nights()[-3], seq=2, shift=3.0)
    assert take_in(home, again).count("applied") == 1
    return home


@pytest.fixture
def home(corrected: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(corrected, tmp_path / "home"))


def test_without_a_fault_every_check_passes(home):
    found = verdicts(home)
    assert {v.outcome for v in found.values()} == {"passed"}, found
    assert all(v.n > 0 for v in found.values())


@pytest.mark.parametrize(
    ("fault", "caught_by"), TRAPS, ids=[fault.__name__ for fault, _ in TRAPS]
)
def test_a_planted_fault_is_caught_by_name(fault, caught_by, home, monkeypatch):
    reached: list[str] = []
    fault(monkeypatch, reached)
    with warnings.catch_warnings():
        # Numbers that a fault has spoilt may overflow or be negative under a root.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = verdicts(home)
    assert reached, "the fault was never reached"
    failed = {v.name for v in found.values() if v.outcome in ("failed", "error")}
    assert caught_by <= failed, found
