"""The command and the flow: what they print, publish and leave in the UI."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.consensus import consensus
from flows.consensus_parameters import ConsensusParameters
from storage.store import BehaviorStore
from tasks.publish_consensus import consensus_runs
from tests.tasks.consensus_data import NIGHTS, drawn, store_of

CLOCK = "2026-03-09T07:00:00"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("consensus")
    store_of(home, drawn(9, agents=12, sources=7, each=2, size=6.0)[0])
    return home


@pytest.fixture
def place(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "home"))


def call(home: Path, *words: str) -> tuple[int, str]:
    given = ["consensus", *words, "--home", str(home), "--now", CLOCK]
    found = CliRunner().invoke(app, given, terminal_width=160)
    return found.exit_code, found.stdout + (found.stderr or "")


def test_all_agents_are_decided_published_and_written(place: Path) -> None:
    code, text = call(place, "--json", "--top", "3")
    found = json.loads(text)
    assert code == 0
    assert found["decided"] == {"compromised": 4, "not compromised": 8}
    assert (found["mode"], found["states"]) == ("robust(2)", {"certified": 12})
    assert {row["agent_id"] for row in found["top"]} < {"a000", "a003", "a006", "a009"}
    table = pyarrow.parquet.read_table(found["table"])
    assert table.num_rows == 12
    store = BehaviorStore.open(str(place / "store"))
    assert consensus_runs(store) == (found["run"],)
    code, text = call(place)
    assert code == 0
    assert f"Run {found['run']} stands already" in text
    lines = text.splitlines()
    assert lines[0].startswith("n=336 rows, worth ")
    assert "7 of 7 sources; mode robust(2)" in lines[0]
    assert BehaviorStore.open(str(place / "store")).snapshot == store.snapshot


def test_one_agent_is_explained_and_nothing_is_written(built: Path) -> None:
    before = BehaviorStore.open(str(built / "store")).snapshot
    code, text = call(built, "a003")
    assert code == 0
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines[0] == "a003: certified, compromised."
    for said in (
        "Whichever 2 sources lie,", "one half at a prior of", "By type: ",
        "Authenticity: unauthenticated", "Sources: robust(2)", "Workers: trusted",
    ):  # fmt: skip
        assert said in text
    assert sum(line.startswith(" s0") for line in lines) == 7
    assert BehaviorStore.open(str(built / "store")).snapshot == before
    assert not (built / "posteriors").exists()
    code, text = call(built, "a003", "--json", "--expect", "gone", "--liars", "0")
    found = json.loads(text)
    assert (found["mode"], found["status"]) == ("robust(0)", "exact")
    assert (found["silent"], found["known"]) == (["gone"], 8)
    code, text = call(built, "a003", "--json", "--mode", "exact", "--weights", "learnt")
    assert all(0 <= s["weight"] <= 0.8 for s in json.loads(text)["by_source"].values())
    code, text = call(built, "a003", "--json", "--informative", "5")
    assert "rest on 5 honest" in json.loads(text)["guarantee"]["sources"]
    parts = sum(said["log_ratio"] for said in found["by_source"].values())
    assert sum(found["by_type"].values()) == pytest.approx(parts)


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["a999"], "unknown_name", "The closest are"),
        (["--night", "2026-01-01"], "not_enough_data", "none of 14 shards"),
        (["--night", "soon"], "invalid_parameter", "night"),
        (["--mode", "median"], "invalid_parameter", "mode"),
        (["--mode", "exact", "--liars", "1"], "invalid_input", "liars"),
        (["--weights", "learnt"], "invalid_input", "weights in mode robust"),
        (["--weights", "mine"], "invalid_parameter", "weights"),
        (["--prior", "1"], "invalid_parameter", "prior"),
        (["--worker-faults", "1"], "incompatible", "no cluster"),
        (["--cluster", "nowhere"], "cluster", "nowhere"),
    ],
)
def test_refusals_have_a_kind_and_status_2(
    built: Path, words: list[str], kind: str, said: str
) -> None:
    code, text = call(built, *words, "--json")
    error = json.loads(text)["error"]
    assert (code, error["kind"]) == (2, kind)
    assert said in error["what"]


def test_a_home_without_a_store_is_an_error(tmp_path: Path) -> None:
    code, text = call(tmp_path, "--json")
    assert (code, json.loads(text)["error"]["kind"]) == (2, "not_found")


def test_the_form_explains_every_parameter() -> None:
    fields = ConsensusParameters.model_json_schema()["properties"]
    assert [name for name, f in fields.items() if not f.get("description")] == []


@pytest.mark.server
@pytest.mark.usefixtures("prefect_server")
def test_the_flow_leaves_its_answer_in_the_ui(built: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    given = {"home": built, "agent": "a003", "night": NIGHTS[1], "now": CLOCK}
    state = consensus(ConsensusParameters.model_validate(given), return_state=True)
    assert state.result().lines[0] == "a003: certified, compromised."
    with get_client(sync_client=True) as client:
        keys = ["consensus-answer", "consensus-table"]
        chosen = ArtifactFilter(key=ArtifactFilterKey(any_=keys))
        artifacts = [
            a.key
            for a in client.read_artifacts(artifact_filter=chosen)
            if a.flow_run_id == state.state_details.flow_run_id
        ]
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert sorted(artifacts) == keys
    assert run.name.startswith("consensus-a003-")
