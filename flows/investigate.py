"""Flow: the history of one agent, team or site against what is usual for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from pydantic import BaseModel

from flows.artifacts import publish_investigation
from flows.parameters import InvestigateParameters
from storage.store import BehaviorStore
from tasks.history.answer import answer
from tasks.history.build import investigate_store
from tasks.history.rows import Row, columns, night_rows
from tasks.history.write import default_folder, write_history

__all__ = ["InvestigateOutcome", "investigate", "investigate_here"]


class InvestigateOutcome(BaseModel):
    """What an investigation answers: words, short rows, and where the rest is."""

    name: str
    kind: str
    since: str
    until: str
    title: str
    text: str
    marked_nights: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    page: Path
    history: Path


def _run_name() -> str:
    parameters: Any = flow_run.parameters.get("parameters", {})
    name = parameters.get("name", "") if isinstance(parameters, dict) else (
        parameters.name
    )  # fmt: skip
    return f"investigate-{name}-{str(flow_run.id)[:8]}"


@flow(name="investigate", flow_run_name=_run_name, validate_parameters=True)
def investigate(parameters: InvestigateParameters) -> InvestigateOutcome:
    """Collect the history of an agent, a team or a site, and write its page.

    Reads the store only: summaries and results that nightly runs keep, and of the
    values no more than the chunks that can hold the agent.
    """
    outcome = _investigate(parameters)
    publish_investigation(
        title=outcome.title, text=outcome.text, page=outcome.page,
        columns=outcome.columns, rows=[r.cells for r in outcome.rows if r.marked],
    )  # fmt: skip
    return outcome


def investigate_here(parameters: InvestigateParameters) -> InvestigateOutcome:
    """Run the flow on the server that is configured; without one, just do the work.

    Starting an embedded server takes longer than an investigation.
    """
    if os.environ.get("PREFECT_API_URL"):
        return investigate(parameters)
    return _investigate(parameters)


def _investigate(parameters: InvestigateParameters) -> InvestigateOutcome:
    history = investigate_store(
        BehaviorStore.open(str(parameters.store)),
        parameters.name,
        since=parameters.since,
        until=parameters.until,
        window=parameters.window,
        false_discovery=parameters.false_discovery,
    )
    folder = parameters.output or default_folder(parameters.home, history)
    made = parameters.made.isoformat(timespec="seconds")
    page = write_history(history, folder, reports=parameters.reports, made=made)
    said = answer(history)
    return InvestigateOutcome(
        name=history.name,
        kind=history.kind,
        since=history.since,
        until=history.until,
        title=said.title,
        text=said.text,
        marked_nights=said.marked,
        columns=columns(history),
        rows=night_rows(history),
        page=page,
        history=folder / "history.json",
    )
