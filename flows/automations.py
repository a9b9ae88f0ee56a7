"""What a Prefect server does by itself when events come, or fail to come."""

from __future__ import annotations

from datetime import timedelta

from prefect.automations import AutomationCore, EventTrigger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import Posture

__all__ = ["create_automations"]

_BEAT = "prefect.flow-run.heartbeat"
_OVER = ("Completed", "Failed", "Cancelled", "Crashed", "AwaitingRetry", "Paused",
         "Suspended")  # fmt: skip
# Three beats of the thirty seconds that deploy/prefect.yaml sets.
_SILENT = timedelta(seconds=90)


def silent_runs() -> AutomationCore:
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


def create_automations() -> tuple[str, ...]:
    """Create what is missing, bring what is there up to date; return the names."""
    wanted = (silent_runs(),)
    with get_client(sync_client=True) as client:
        for automation in wanted:
            there = client.read_automations_by_name(automation.name)
            if there:
                client.update_automation(there[0].id, automation)
            else:
                client.create_automation(automation)
    return tuple(automation.name for automation in wanted)
