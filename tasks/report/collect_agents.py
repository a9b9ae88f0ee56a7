"""The report's rows on agents: who stands out, and what was tested."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats as distributions

from tasks.night import Night, Scores
from tasks.report.collect_groups import short_name
from tasks.report.rows import AgentRow, AgentSummary, FeatureLabel
from tasks.scoring import AgentFamily

__all__ = ["agent_rows", "agent_summary"]

# Closest agents listed when few are found, and most of them in any case; the store
# holds all.
_SHOWN, MOST_ROWS = 50, 1_000
_BINS = 20


def agent_rows(
    night: Night, scores: Scores, labels: tuple[FeatureLabel, ...]
) -> tuple[AgentRow, ...]:
    """Return the entities that stand out, then the closest ones, by q, p and name.

    An entity is shown by the agent of it that is furthest out.
    """
    family = scores.agents
    if family is None:
        return ()
    order = np.lexsort((family.entities, family.entity_p, family.entity_q))
    shown = order[: min(max(_SHOWN, int(family.found.sum())), MOST_ROWS)]
    return tuple(_row(night, family, labels, int(e)) for e in shown)


def _row(
    night: Night, family: AgentFamily, labels: tuple[FeatureLabel, ...], e: int
) -> AgentRow:
    s, name = family.scores, family.entities[e]
    mine = np.flatnonzero((s.entities == name) & ~np.isnan(family.p))
    i = int(mine[np.argmin(s.log_p[mine])])
    main = int(s.main[i])
    level = night.baselines.team
    team = level.labels.index(str(s.teams[i]))
    return AgentRow(
        entity=str(name),
        agent=str(s.agents[i]),
        team=short_name(str(s.teams[i])),
        site=str(s.teams[i]).split("/", 1)[0],
        n=int(s.n[i]),
        d2=float(s.d2[i]),
        p=float(family.entity_p[e]),
        q=float(family.entity_q[e]),
        found=bool(family.found[e]),
        extrapolated=bool(family.extrapolated[i]),
        main_feature=labels[main],
        value=float(s.values[i, main]),
        team_value=float(level.mean[-1, team, main]),
        contributions=tuple(
            float(x) for x in np.nan_to_num(s.contributions[i], nan=0.0)
        ),
    )


def agent_summary(
    night: Night, scores: Scores, last_night: Mapping[str, int]
) -> AgentSummary:
    """Count what was tested and draw the histogram of p over the family."""
    family = scores.agents
    here = sum(row.agents for row in night.view.rows_of(night.view.night))
    if family is None:
        return AgentSummary(
            tested=0,
            found=0,
            untested=here,
            found_last_night=last_night.get("found"),
            tested_last_night=last_night.get("tested"),
            level=0.05,
            null_size=0,
            p_counts=(0,) * _BINS,
            misfit_p=None,
        )
    counts, _ = np.histogram(family.entity_p, bins=_BINS, range=(0.0, 1.0))
    tested = len(family.entities)
    misfit = None
    if tested >= 5 * _BINS:
        misfit = float(distributions.chisquare(counts).pvalue)
    everyone = len(np.unique(family.scores.entities))
    return AgentSummary(
        tested=tested,
        found=int(family.found.sum()),
        untested=everyone - tested,
        found_last_night=last_night.get("found"),
        tested_last_night=last_night.get("tested"),
        level=family.level,
        null_size=family.null_size,
        p_counts=tuple(int(c) for c in counts),
        misfit_p=misfit,
    )
