"""From a computed night to the frozen values its report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from stats.missing_data import MissingDataInterval
from storage.schema import Schema
from tasks.missing import estimate_night, missing_on
from tasks.night import Night, Scores
from tasks.reconcile import SiteView
from tasks.report.collect_agents import agent_rows, agent_summary
from tasks.report.collect_groups import (
    estimate,
    feature_labels,
    group_rows,
    number,
)
from tasks.report.collect_optional import collect_optional
from tasks.report.night_report import NightReport
from tasks.report.revision_rows import Revised
from tasks.report.rows import (
    Basis,
    Change,
    Estimate,
    FeatureLabel,
    FeatureNight,
    Provenance,
    QualityRow,
    SeriesPoint,
    SiteArrival,
    Verdict,
)

__all__ = ["RunFacts", "collect_report"]

# Bounded staleness of nightly shards: one night and 36 hours.
LIMIT_NIGHTS = 1
LIMIT_SECONDS = 36 * 3600.0
# Nights drawn in the strip of arrivals, tonight included.
_STRIP = 21


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a report says about the run itself.

    Attributes
    ----------
    revision : int
    made : str
        ISO 8601 with zone.
    run : str
    parameters, versions : mapping of str to str
    verdicts : tuple of Verdict
    previous_revision : Estimate or None
        The lead feature as the revision before this one had it.
    last_night : mapping
        ``tested`` and ``found`` of the night before, when it was published.
    changes : tuple of Change
    quarantined : mapping of site to count
    revised : Revised or None
        What moved since the revision before this one.
    """

    revision: int
    made: str
    run: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    previous_revision: Estimate | None = None
    last_night: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    quarantined: Mapping[str, int] = field(default_factory=dict)
    revised: Revised | None = None


def collect_report(night: Night, scores: Scores, facts: RunFacts) -> NightReport:
    """Collect everything the report of a night shows.

    Parameters
    ----------
    night : Night
    scores : Scores
    facts : RunFacts

    Returns
    -------
    NightReport
    """
    schema, view = night.schema, night.view
    filled = _filled(night)
    labels = feature_labels(schema)
    return NightReport(
        dataset=view.dataset,
        night=view.night,
        revision=facts.revision,
        superseded_by=None,
        made=facts.made,
        agent_noun=schema.entity_noun,
        agents_noun=schema.entities_noun,
        row_noun=schema.row_noun,
        team_noun=schema.team_noun,
        arrived_share=min(view.arrived_share, 1.0),
        missing_sites=view.missing_sites,
        limit_nights=LIMIT_NIGHTS,
        limit_seconds=LIMIT_SECONDS,
        sites=tuple(_arrival(night, site) for site in view.sites),
        series=_series(night, schema, filled),
        features=tuple(_feature(night, label, filled) for label in labels),
        lead=schema.lead,
        previous_revision=facts.previous_revision,
        site_rows=group_rows(night, scores.sites, "site", labels),
        teams=group_rows(night, scores.teams, "team", labels),
        agents=agent_rows(night, scores, labels),
        agent_summary=agent_summary(night, scores, facts.last_night),
        changes=facts.changes,
        quality=tuple(_quality(night, site, facts) for site in view.sites),
        verdicts=facts.verdicts,
        provenance=_provenance(night, facts),
        revised=facts.revised,
        **collect_optional(night, scores, labels),
    )


def _filled(night: Night) -> dict[str, MissingDataInterval]:
    """Estimates over all sites for the nights on which one was missing."""
    found = (
        (when, estimate_night(night.view, night.baselines, night.schema, k))
        for k, when in enumerate(night.view.nights)
    )
    return {when: one for when, one in found if one is not None}


def _last_value(night: Night, site: str) -> float | None:
    """Newest mean of the lead feature that is known of a site."""
    level = night.baselines.site
    j = night.schema.names.index(night.schema.lead)
    known = level.mean[:, level.labels.index(site), j]
    known = known[np.isfinite(known)]
    return number(known[-1]) if len(known) else None


def _arrival(night: Night, site: SiteView) -> SiteArrival:
    view = night.view
    nights = view.nights[-_STRIP:]
    first = min(site.rows, default=view.night)

    def cell(night: str) -> str:
        if night in site.rows:
            corrected = view.versions.get((site.site, night), 1) > 1
            return "corrected" if corrected else "arrived"
        return "before" if night < first else "missing"

    age = site.age_seconds
    return SiteArrival(
        site=site.site,
        share=site.share,
        nights=nights,
        strip=tuple(cell(night) for night in nights),  # type: ignore[misc]  # literals
        age_seconds=age,
        late=age is None or age > LIMIT_SECONDS or site.silent_nights > LIMIT_NIGHTS,
        rows=site.rows.get(view.night, 0),
        expected_rows=site.expected_rows,
        silent_nights=site.silent_nights,
        last_value=_last_value(night, site.site),
        window_missing=sum(site.site in missing_on(view, n) for n in view.nights[:-1]),
    )


def _series(
    night: Night, schema: Schema, filled: Mapping[str, MissingDataInterval]
) -> tuple[SeriesPoint, ...]:
    view, level = night.view, night.baselines.all
    j = schema.names.index(schema.lead)
    share = {site.site: site.share for site in view.sites}
    points = []
    for k, when in enumerate(view.nights):
        arrived = [s for s in share if view.arrived(s, when)]
        basis: Basis = "complete" if len(arrived) == len(share) else "arrived only"
        found = estimate(level, k, 0, j, basis, filled.get(when))
        if when >= min((min(s.rows, default=when) for s in view.sites), default=when):
            total = min(sum(share[s] for s in arrived), 1.0)
            points.append(SeriesPoint(when, found, total))
    return tuple(points)


def _feature(
    night: Night, label: FeatureLabel, estimates: Mapping[str, MissingDataInterval]
) -> FeatureNight:
    view, level = night.view, night.baselines.all
    j, last = night.schema.names.index(label.name), len(view.nights) - 1
    filled, before = estimates.get(view.night), None
    if last:
        earlier = estimates.get(view.nights[-2])
        before = estimate(level, last - 1, 0, j, "arrived only", earlier).value
    if filled is None:
        basis: Basis = "arrived only" if view.missing_sites else "complete"
        found = estimate(level, last, 0, j, basis)
        return FeatureNight(label, found, before, None, None)
    return FeatureNight(
        label,
        estimate(level, last, 0, j, "arrived only", filled),
        before,
        number(filled.worst_lower[j]),
        number(filled.worst_upper[j]),
        arrived=estimate(level, last, 0, j, "arrived only"),
        flagged=bool(filled.flagged[j]),
    )


def _quality(night: Night, site: SiteView, facts: RunFacts) -> QualityRow:
    view = night.view
    shares = []
    for when in view.nights[:-1]:
        rows = view.winners.get((site.site, when), ())
        if rows:
            whole = sum(row.n for row in rows)
            shares.append(1.0 - sum(min(row.observed) for row in rows) / max(whole, 1))
    tonight = view.winners.get((site.site, view.night), ())
    rows_tonight = sum(row.n for row in tonight)
    complete = sum(min(row.observed) for row in tonight)
    return QualityRow(
        site=site.site,
        rows=rows_tonight,
        complete=complete,
        incomplete=rows_tonight - complete,
        usual_incomplete_share=float(np.median(shares)) if shares else None,
        new_agents=len(night.new_agents.get(site.site, ())),
        quarantined_files=facts.quarantined.get(site.site, 0),
    )


def _provenance(night: Night, facts: RunFacts) -> Provenance:
    view = night.view
    return Provenance(
        run=facts.run,
        snapshot=view.snapshot,
        ledger_digest=view.ledger_digest,
        result_digest=night.digest,
        parameters=tuple(sorted(facts.parameters.items())),
        versions=tuple(sorted(facts.versions.items())),
        window_first=view.nights[0],
        window_last=view.nights[-2] if len(view.nights) > 1 else view.night,
        window_nights=sum(
            any(view.arrived(s.site, n) for s in view.sites) for n in view.nights[:-1]
        ),
    )
