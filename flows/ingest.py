"""Flow: take delivered files into the store."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.parameters import IngestParameters
from storage.authenticity import SignaturePolicy
from storage.ingest import IngestReport
from tasks.ingest import ingest_step

__all__ = ["ingest"]


@flow(name="ingest", validate_parameters=True)
def ingest(parameters: IngestParameters) -> IngestReport:
    """Ingest delivered files of behaviour and of evidence.

    Known shards are no-ops, corrections become new versions, files that cannot be used
    go to the quarantine with their reason; the store changes in whole commits only.
    """
    report = ingest_step(
        str(parameters.store),
        parameters.paths or (parameters.landing,),
        parameters.quarantine,
        strict=parameters.strict,
        dry_run=parameters.dry_run,
        keep=parameters.keep,
        now=parameters.now_ns,
        batch=parameters.batch,
        evidence=parameters.evidence,
        signatures=SignaturePolicy(parameters.signatures),
    )
    if report.rejected:
        create_table_artifact(
            key="ingest-refused",
            table=[
                {
                    "file": str(refused.source),
                    "reason": refused.reason,
                    "column": refused.column,
                    "what": str(refused),
                }
                for refused in report.rejected
            ],
            description="Files that were refused, with the reason.",
        )
    return report
