"""What one night's report says: one frozen value, numbers only, no layout.

The collector fills a `NightReport`; the renderer turns it into HTML, JSON and
one-line summaries.  Whatever a page shows is a field here, so that the page, the
JSON beside it and the command line cannot disagree.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from tasks.report.findings import (
    ChangeRow,
    ChangeSummary,
    CliqueRow,
    CliqueSummary,
    CorrelationMap,
    DriftRow,
    NotTested,
    QuantileRow,
    SeasonRow,
)
from tasks.report.posteriors import Posteriors
from tasks.report.revision_rows import Revised
from tasks.report.rows import (
    AgentRow,
    AgentSummary,
    BaselineRow,
    Change,
    Estimate,
    FeatureNight,
    GroupRow,
    PairRow,
    Provenance,
    QualityRow,
    SectionError,
    SeriesPoint,
    SiteArrival,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class NightReport:
    """Everything one night's report says.  `made` is ISO 8601 with zone.

    `changes` are those of shards, `changes_of_agents` those of behaviour over nights;
    without its summary such a test was not made, and `not_tested` says what it needs.
    `revised` compares with the revision that this one replaces; `out_of_date` names
    shards that changed since and are not in these numbers.
    """

    dataset: str
    night: str
    revision: int
    superseded_by: int | None
    made: str
    agent_noun: str
    agents_noun: str
    row_noun: str
    team_noun: str
    arrived_share: float
    missing_sites: tuple[str, ...]
    limit_nights: int
    limit_seconds: float
    sites: tuple[SiteArrival, ...]
    series: tuple[SeriesPoint, ...]
    features: tuple[FeatureNight, ...]
    lead: str
    previous_revision: Estimate | None
    site_rows: tuple[GroupRow, ...]
    teams: tuple[GroupRow, ...]
    agents: tuple[AgentRow, ...]
    agent_summary: AgentSummary
    pairs: tuple[PairRow, ...]
    within_between: tuple[tuple[str, str, float | None], ...]
    baselines: tuple[BaselineRow, ...]
    changes: tuple[Change, ...]
    quality: tuple[QualityRow, ...]
    verdicts: tuple[Verdict, ...]
    provenance: Provenance
    errors: tuple[SectionError, ...] = ()
    changes_of_agents: tuple[ChangeRow, ...] = ()
    change_summary: ChangeSummary | None = None
    drift: tuple[DriftRow, ...] = ()
    season: tuple[SeasonRow, ...] = ()
    correlation_map: CorrelationMap | None = None
    cliques: tuple[CliqueRow, ...] = ()
    clique_summary: CliqueSummary | None = None
    quantiles: tuple[QuantileRow, ...] = ()
    not_tested: tuple[NotTested, ...] = ()
    revised: Revised | None = None
    out_of_date: tuple[str, ...] = ()
    posteriors: Posteriors | None = None

    @property
    def lead_feature(self) -> FeatureNight:
        """The feature that the headline speaks of."""
        return next(f for f in self.features if f.feature.name == self.lead)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings and numbers; NaN and infinity as None."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value)]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
