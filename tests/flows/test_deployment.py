"""The shipped deployments name real flows, and fit their parameters."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from annotated_types import Ge, Gt, Le, Lt

from flows.deploy import Deployment
from flows.deployment import DeployFailed, described

HOME = Path("/somewhere/data")
ALL = described(HOME, pool="batch")["deployments"]
NUMBERS = re.compile(r"\d|probabilit", re.IGNORECASE)


def flow_of(deployment: dict[str, Any]) -> Any:
    module, _, name = deployment["entrypoint"].rpartition(".")
    return getattr(importlib.import_module(module), name)


def model_of(deployment: dict[str, Any]) -> Any:
    """The one pydantic model a flow takes."""
    flow = flow_of(deployment)
    module = importlib.import_module(flow.fn.__module__)
    return vars(module)[flow.fn.__annotations__["parameters"]]


@pytest.mark.parametrize("deployment", ALL, ids=lambda d: d["name"])
def test_a_deployment_names_a_flow_and_fits_its_parameters(deployment):
    assert flow_of(deployment).name == deployment["name"]
    model = model_of(deployment)
    given = deployment.get("parameters", {}).get("parameters", {})
    assert given.keys() <= model.model_fields.keys()
    required = {k for k, f in model.model_fields.items() if f.is_required()}
    if not required:
        assert model.model_validate(given)
    assert not (required and deployment["schedules"])
    if "home" in model.model_fields:
        assert given["home"] == str(HOME)
    assert deployment["work_pool"]["name"] == "batch"
    assert deployment["enforce_parameter_schema"] is True
    assert "consilience" in deployment["tags"]


@pytest.mark.parametrize("deployment", ALL, ids=lambda d: d["name"])
def test_the_form_says_what_each_parameter_is_and_its_range(deployment):
    """The UI shows descriptions, but neither the least nor the greatest value."""
    for name, field in model_of(deployment).model_fields.items():
        assert field.description, name
        bounds = [m for m in field.metadata if isinstance(m, (Ge, Gt, Le, Lt))]
        above = [b for b in bounds if isinstance(b, (Le, Lt))]
        if above:
            assert NUMBERS.search(field.description), (name, field.description)


def test_only_whole_nights_and_hours_are_scheduled():
    when = {d["name"]: d["schedules"] for d in ALL if d["schedules"]}
    assert when.keys() == {"nightly", "reconcile"}
    moved = described(HOME, pool="p", cron="0 5 * * *", time_zone="Asia/Tokyo")
    found = {d["name"]: d["schedules"] for d in moved["deployments"]}
    assert found["nightly"][0] | {"slug": ""} == {
        "slug": "", "cron": "0 5 * * *", "timezone": "Asia/Tokyo", "active": True,
    }  # fmt: skip
    assert found["reconcile"][0]["cron"] == when["reconcile"][0]["cron"]
    assert found["reconcile"][0]["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("told", "what"),
    [({"time_zone": "Mars/Base"}, "no time zone"), ({"cron": "now"}, "no cron line")],
)
def test_a_wrong_schedule_is_refused_before_anything_starts(told, what):
    with pytest.raises(DeployFailed, match=what):
        Deployment(home=HOME, **told)
