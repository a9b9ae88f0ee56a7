"""Sections that a night can be read without: collected, or why they are missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.night import Night, Scores
from tasks.report.attempt import OptionalSection, collect_or_error
from tasks.report.collect_drift import drift_rows, quantile_rows, season_rows
from tasks.report.collect_findings import (
    change_rows,
    change_summary,
    clique_rows,
    clique_summary,
    correlation_map,
    not_tested,
)
from tasks.report.collect_groups import baseline_rows, correlations
from tasks.report.rows import FeatureLabel, SectionError

__all__ = ["collect_optional"]


def collect_optional(
    night: Night, scores: Scores, labels: tuple[FeatureLabel, ...]
) -> dict[str, Any]:
    """Collect the fields of `NightReport` that may be missing.

    Parameters
    ----------
    night : Night
    scores : Scores
    labels : tuple of FeatureLabel

    Returns
    -------
    dict
        Fields by name; `errors` says which sections could not be collected and why.
    """
    lead = night.schema.names.index(night.schema.lead)
    found: dict[str, Any] = {"not_tested": not_tested(night, scores)}
    errors: list[SectionError] = []

    def collect(
        section: OptionalSection, field: str, of: Callable[[], Any], empty: Any = ()
    ) -> None:
        found[field], why = collect_or_error(section, of, empty)
        errors.extend(why)

    collect("together", "together", lambda: correlations(night, lead), ((), ()))
    found["pairs"], found["within_between"] = found.pop("together")
    collect(
        "together",
        "correlation_map",
        lambda: correlation_map(scores, labels, night.schema.lead),
        None,
    )
    collect("baselines", "baselines", lambda: baseline_rows(night, labels))
    collect("baselines", "quantiles", lambda: quantile_rows(night, labels))
    collect("drift", "drift", lambda: drift_rows(night, labels))
    collect("season", "season", lambda: season_rows(night, labels))
    collect("behaviour", "changes_of_agents", lambda: change_rows(scores, labels))
    collect("behaviour", "change_summary", lambda: change_summary(scores), None)
    collect("collusion", "cliques", lambda: clique_rows(scores))
    collect("collusion", "clique_summary", lambda: clique_summary(scores), None)
    found["errors"] = tuple(errors)
    return found
