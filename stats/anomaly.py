"""Anomaly scores with a stated law: rows, agents in their group, groups over time."""

from stats.calibrated import CalibratedDetector
from stats.detector import MahalanobisDetector
from stats.fdr import control_false_discovery, q_values, simes
from stats.shift import ShiftScores, history_shift
from stats.within import WithinBaseline, WithinScores, pooled_within, score_within

__all__ = [
    "CalibratedDetector",
    "MahalanobisDetector",
    "ShiftScores",
    "WithinBaseline",
    "WithinScores",
    "control_false_discovery",
    "history_shift",
    "pooled_within",
    "q_values",
    "score_within",
    "simes",
]
