"""Flow: take in what came late, and issue the nights again that it changes."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from pydantic import BaseModel

from flows.nightly import reissue
from flows.one_run import one_run
from flows.parameters import ReconcileParameters
from flows.reissue import AffectedNight, issue_again, left
from storage.authenticity import SignaturePolicy
from storage.ingest import landing_files
from tasks.affected import Affected
from tasks.ingest import ingest_step
from tasks.keys import Answer
from tasks.reissue import affected_step, mark_step, posteriors_step
from tasks.stale import choose

__all__ = ["ReconcileOutcome", "answer", "reconcile", "summary"]


class ReconcileOutcome(BaseModel):
    """What a reconciliation found and did.

    Attributes
    ----------
    dry_run : bool
    applied, refused : int
        Files of the landing folder that were taken in, and that were not.
    published : int
        Nights that were looked at.
    nights : tuple of AffectedNight
        Oldest first; none when everything stands.
    posteriors : tuple of dict
        Published consensus runs whose evidence changed since, as in
        ``posteriors/out-of-date.json``.
    """

    dry_run: bool
    applied: int
    refused: int
    published: int
    nights: tuple[AffectedNight, ...]
    posteriors: tuple[dict[str, Any], ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or 1 when a night that should have been issued again could not be."""
        return int(any(night.outcome == "failed" for night in self.nights))


@flow(name="reconcile", validate_parameters=True)
def reconcile(parameters: ReconcileParameters) -> ReconcileOutcome:
    """Bring published nights up to date with late, corrected and retracted shards.

    Takes in what lies in the landing folder, finds the published nights whose own
    shards or whose window changed, and runs these, and only these, again: each becomes
    a new revision that says what changed and which figures moved.  Nights that are
    left, by a limit or because they could not be computed, are marked out of date.
    Where everything stands nothing is computed and nothing is written.  Posteriors of
    evidence that changed are listed as out of date or superseded.
    """
    with one_run(parameters.home, "reconcile"):
        outcome = _reconcile(parameters)
    get_run_logger().info("%s", summary(outcome))
    return outcome


def _reconcile(parameters: ReconcileParameters) -> ReconcileOutcome:
    applied, refused = _take_in(parameters)
    published, affected = affected_step(
        str(parameters.store), window_nights=parameters.window
    )
    chosen = choose(affected, since=parameters.since, most=parameters.nights)
    nights = {found.night: left(found, parameters) for found in affected}
    if not parameters.dry_run:
        mark_step(str(parameters.store), parameters.reports, affected)
        issued = issue_again(chosen, parameters, reissue)
        nights |= {night.night: night for night in issued}
        mark_step(
            str(parameters.store),
            parameters.reports,
            [f for f in affected if nights[f.night].outcome != "reissued"],
        )
        _publish(affected, nights)
    posteriors = posteriors_step(
        str(parameters.store),
        parameters.home / "posteriors",
        dry_run=parameters.dry_run,
    )
    return ReconcileOutcome(
        dry_run=parameters.dry_run,
        applied=applied,
        refused=refused,
        published=published,
        nights=tuple(nights.values()),
        posteriors=tuple(one.as_dict() | {"what": str(one)} for one in posteriors),
    )


def summary(outcome: ReconcileOutcome) -> str:
    """Say in one line what became of the nights."""
    if not outcome.nights:
        return f"All {outcome.published} published nights stand: nothing was computed."
    counts: dict[str, int] = {}
    for night in outcome.nights:
        counts[night.outcome] = counts.get(night.outcome, 0) + 1
    said = ", ".join(f"{n} {what}" for what, n in counts.items())
    return f"{len(outcome.nights)} of {outcome.published} published nights: {said}."


def answer(outcome: ReconcileOutcome) -> Answer:
    """Put an outcome into lines and a table for people, plain values for machines."""
    lines = [summary(outcome)]
    if outcome.applied or outcome.refused:
        lines.insert(0, f"{outcome.applied} files taken in, {outcome.refused} refused.")
    if outcome.dry_run:
        lines.append("Dry run: nothing was changed.")
    lines += [f"{night.night}: {night.what}" for night in outcome.nights if night.what]
    lines += [str(one["what"]) for one in outcome.posteriors]
    return Answer(
        found=outcome.model_dump(mode="json") | {"summary": summary(outcome)},
        lines=tuple(lines),
        columns=("night", "outcome", "revision", "shards", "first", "means moved"),
        rows=tuple(_row(night) for night in outcome.nights),
    )


def _row(night: AffectedNight) -> tuple[str, ...]:
    first = night.changes[0]
    revised = night.revised
    moved = "" if revised is None else f"{revised['moved']} of {revised['compared']}"
    before = f"{night.revision_before} → " if night.outcome == "reissued" else ""
    return (
        night.night,
        night.outcome,
        f"{before}{night.revision}",
        str(len(night.changes)),
        f"{first['site']} {first['night']} {first['what']}",
        moved,
    )


def _take_in(parameters: ReconcileParameters) -> tuple[int, int]:
    """Ingest the landing folder; a dry run leaves it alone."""
    wanted = parameters.ingest and not parameters.dry_run
    if not (wanted and landing_files([parameters.landing])):
        return 0, 0
    report = ingest_step(
        str(parameters.store),
        (parameters.landing,),
        parameters.quarantine,
        now=parameters.now_ns,
        signatures=SignaturePolicy(parameters.signatures),
    )
    applied = sum(receipt.state == "applied" for receipt in report.receipts)
    return applied, len(report.rejected)


def _publish(affected: tuple[Affected, ...], nights: dict[str, AffectedNight]) -> None:
    """Leave a table of the affected nights in the Prefect UI."""
    if not affected:
        return
    rows: list[dict[str, Any]] = [
        {
            "night": found.night,
            "outcome": nights[found.night].outcome,
            "revision": nights[found.night].revision,
            "because of": "; ".join(map(str, found.changes[:5])),
            "shards": len(found.changes),
            "means moved": (nights[found.night].revised or {}).get("moved"),
        }
        for found in affected
    ]
    create_table_artifact(
        key="reconcile-nights", table=rows, description="Nights that changed shards."
    )
