"""Events that a night leaves on the Prefect server, for automations to act on.

They are sent after what they speak of is committed.  A night does not fail because an
event could not be sent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.events import emit_event

from tasks.report.night_report import NightReport

__all__ = ["AGENT", "FAILED", "PUBLISHED", "STALE", "emit_failure", "emit_night"]

PUBLISHED = "consilience.night.published"
FAILED = "consilience.night.failed"
STALE = "consilience.site.stale"
AGENT = "consilience.agents.anomalous"
_MOST = 20


def emit_night(report: NightReport, page: Path, home: Path, *, alert_q: float) -> None:
    """Say that a night is published, which sites are stale, and who stands out.

    Parameters
    ----------
    report : NightReport
    page, home : Path
    alert_q : float
        An agent raises an alarm where it stands out with a q at or below this.
    """
    shared = {"night": report.night, "home": str(home.resolve()), "page": str(page)}
    night = f"consilience.night.{report.night}"
    _emit(
        PUBLISHED,
        night,
        {
            **shared,
            "revision": report.revision,
            "digest": report.provenance.result_digest,
            "arrived_share": report.arrived_share,
            "agents_tested": report.agent_summary.tested,
        },
    )
    for site in [s for s in report.sites if s.silent_nights][:_MOST]:
        told = {**shared, "site": site.site, "silent_nights": site.silent_nights}
        _emit(STALE, f"consilience.site.{site.site}", told)
    odd = [a for a in report.agents if a.found and a.q <= alert_q]
    if odd:
        told = {
            **shared,
            "top": f"agent:{odd[0].entity}",
            "count": len(odd),
            "agents": [{"agent": a.entity, "q": a.q} for a in odd[:_MOST]],
        }
        _emit(AGENT, night, told)


def emit_failure(night: str, home: Path, reason: str) -> None:
    """Say that a night was not published because a check did not pass."""
    told = {"night": night, "home": str(home.resolve()), "reason": reason[:2000]}
    _emit(FAILED, f"consilience.night.{night}", told)


def _emit(event: str, resource: str, payload: dict[str, Any]) -> None:
    try:
        emit_event(event, resource={"prefect.resource.id": resource}, payload=payload)
    except Exception:  # noqa: BLE001 - whatever a client of the network may raise
        get_run_logger().warning("event %s could not be sent", event, exc_info=True)
