"""What a Prefect server does by itself when events come, or fail to come."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import (
    CallWebhook,
    ChangeFlowRunState,
    RunDeployment,
    SendNotification,
)
from prefect.events.schemas.automations import Posture
from prefect.exceptions import ObjectNotFound

from flows.events import AGENT, FAILED, STALE

__all__ = ["ALERT_BLOCK", "create_automations"]

# A notification or webhook block of this name is told of everything below.
ALERT_BLOCK = "consilience-alerts"
_BEAT = "prefect.flow-run.heartbeat"
_OVER = ("Completed", "Failed", "Cancelled", "Crashed", "AwaitingRetry", "Paused",
         "Suspended")  # fmt: skip
# Three beats of the thirty seconds that deploy/prefect.yaml sets.
_SILENT = timedelta(seconds=90)


def create_automations() -> tuple[str, ...]:
    """Create what is missing, bring what is there up to date; return the names.

    Always: a run that is silent has crashed, and the agent that stands out most is
    investigated.  With a block named `ALERT_BLOCK`, slack, e-mail, webhook or another
    that can notify: failed checks, silent sites and agents that stand out are told.
    """
    with get_client(sync_client=True) as client:
        wanted = [_silent_runs()]
        try:
            there = client.read_deployment_by_name("investigate/investigate")
        except ObjectNotFound:
            pass
        else:
            wanted.append(_investigate(there.id))
        wanted += _alerts(client)
        for automation in wanted:
            old = client.read_automations_by_name(automation.name)
            if old:
                client.update_automation(old[0].id, automation)
            else:
                client.create_automation(automation)
    return tuple(automation.name for automation in wanted)


def _silent_runs() -> AutomationCore:
    """A run whose process died with its worker stays Running for ever: end it.

    Only runs that have beaten once are watched; a run of a deployment of ours beats
    every thirty seconds.
    """
    return AutomationCore(
        name="consilience: a run that is silent has crashed",
        description="No heartbeat for three beats: the process or its host is gone.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={_BEAT},
            expect={_BEAT, *(f"prefect.flow-run.{name}" for name in _OVER)},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            for_each={"prefect.resource.id"},
            threshold=1,
            within=_SILENT,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                message="No heartbeat for 90 seconds.",
                force=False,
            )
        ],
    )


def _on(event: str) -> EventTrigger:
    return EventTrigger(
        posture=Posture.Reactive, expect={event}, threshold=1, within=timedelta(0)
    )


def _investigate(deployment: UUID) -> AutomationCore:
    """The agent that stands out most is investigated at once, its page is ready."""
    told = {
        "home": "{{ event.payload.home }}",
        "name": "{{ event.payload.top }}",
        "until": "{{ event.payload.night }}",
    }
    return AutomationCore(
        name="consilience: investigate who stands out most",
        description="Runs the investigate deployment for the first agent of the night.",
        trigger=_on(AGENT),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=deployment,
                parameters={"parameters": told},
                job_variables=None,
            )
        ],
    )


def _alerts(client: SyncPrefectClient) -> list[AutomationCore]:
    """Tell the block of that name, if there is one."""
    blocks = [b for b in client.read_block_documents() if b.name == ALERT_BLOCK]
    if not blocks:
        return []
    block = blocks[0]
    texts = {
        FAILED: "Night {{ event.payload.night }} was not published: "
        "{{ event.payload.reason }}",
        STALE: "Site {{ event.payload.site }} has been silent for "
        "{{ event.payload.silent_nights }} nights.",
        AGENT: "Night {{ event.payload.night }}: {{ event.payload.count }} stand out, "
        "first {{ event.payload.top }}. {{ event.payload.page }}",
    }
    webhook = block.block_type is not None and block.block_type.slug == "webhook"
    return [
        AutomationCore(
            name=f"consilience: tell of {event}",
            trigger=_on(event),
            actions=[
                CallWebhook(block_document_id=block.id, payload=text)
                if webhook
                else SendNotification(
                    block_document_id=block.id, subject=event, body=text
                )
            ],
        )
        for event, text in texts.items()
    ]
