"""Sentences about one mean: the schema's own phrase, and where its usual range is."""

from __future__ import annotations

from tasks.report.night_report import NightReport
from tasks.report.rows import Estimate, FeatureLabel
from tasks.report.wording import count, decimals_for, number, plural, quantity, span

__all__ = ["decimals", "outside", "sentence", "untested", "within"]


def decimals(estimate: Estimate) -> int:
    """Decimals of a mean, its interval and its usual range: one rule for the three."""
    if estimate.lower is None or estimate.upper is None:
        if estimate.usual_lower is None or estimate.usual_upper is None:
            return 1
        return decimals_for((estimate.usual_upper - estimate.usual_lower) / 2)
    return decimals_for((estimate.upper - estimate.lower) / 2)


def sentence(feature: FeatureLabel, estimate: Estimate, row_noun: str) -> str:
    """Say the mean in the schema's own phrase, else in the neutral one."""
    digits = decimals(estimate)
    value = estimate.value or 0.0
    phrase = feature.below if value < 0 else feature.above
    if "{value}" in phrase:
        said = phrase.replace("{value}", quantity(abs(value), feature.unit, digits))
        return f"{plural(row_noun).capitalize()} {said} on average"
    return f"{feature.label} averaged {quantity(value, feature.unit, digits)}"


def outside(feature: FeatureLabel, estimate: Estimate, row_noun: str) -> str:
    """Say that a mean lies outside its usual range; far: by more than its width."""
    low, high = estimate.usual_lower, estimate.usual_upper
    value = estimate.value
    said = sentence(feature, estimate, row_noun)
    if low is None or high is None or value is None:
        return said
    far = "far " if max(low - value, value - high) > high - low else ""
    usual = span(low, high, decimals(estimate))
    return f"{said}, {far}outside the usual {usual}"


def within(feature: FeatureLabel, estimate: Estimate, row_noun: str) -> str:
    """Say that a mean lies within its usual range, or on its edge."""
    low, high = estimate.usual_lower or 0.0, estimate.usual_upper or 0.0
    inside = low <= (estimate.value or 0.0) <= high
    where = "within the usual" if inside else "on the edge of the usual"
    usual = span(low, high, decimals(estimate))
    return f"{sentence(feature, estimate, row_noun)}, {where} {usual}"


def untested(report: NightReport, section: str) -> str:
    """Say that a section was not tested and what the test would need."""
    for row in report.not_tested:
        if row.section == section:
            needed = count(row.needed, row.what)
            there = "is" if row.available == 1 else "are"
            return f"Not tested: needs {needed}, {number(row.available)} {there} there."
    return "Not tested tonight."
