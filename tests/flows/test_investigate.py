"""The command and the flow: what they print, write and leave in the UI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.investigate import investigate
from flows.parameters import InvestigateParameters
from tests.histories import DAYS, ODD, ODD_NIGHT
from tests.homes import CLOCK, LAST


def call(home: Path, *arguments: str) -> tuple[int, str]:
    given = ["investigate", *arguments, "--home", str(home), "--now", CLOCK]
    found = CliRunner().invoke(app, given, terminal_width=160)
    return found.exit_code, found.stdout + (found.stderr or "")


def test_the_answer_comes_first_then_the_nights_then_the_page(
    history_home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, text = call(history_home, ODD, "--output", str(out))
    assert code == 0
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    assert lines[0].startswith(f"{ODD}: 9 of")
    assert lines[-1] == f"Page: {out / 'index.html'}"
    nights = [line.split()[0] for line in lines if line.strip()[:5] == "2026-"]
    assert nights == DAYS[14:]
    marked = next(line for line in lines if "stands out" in line)
    assert marked.split()[0] == ODD_NIGHT
    assert {p.name for p in out.iterdir()} == {
        "index.html", "history.json", "history.parquet",
    }  # fmt: skip


def test_json_is_one_object_and_names_the_files(
    history_home: Path, tmp_path: Path
) -> None:
    code, text = call(history_home, ODD, "--json", "--output", str(tmp_path / "out"))
    found = json.loads(text)
    assert code == 0
    assert (found["kind"], found["since"], found["until"]) == ("agent", DAYS[14], LAST)
    assert found["marked_nights"] == [ODD_NIGHT]
    kept = json.loads(Path(found["history"]).read_text())
    assert kept["answer"] == {"title": found["title"], "text": found["text"]}
    assert Path(found["page"]).read_text().count(found["title"]) >= 2


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (["north-0077"], "unknown_name", "The closest are north-077, north-007"),
        (["team-1"], "ambiguous_name", "north/team-1, south/team-1, west/team-1"),
        ([ODD, "--from", LAST, "--to", DAYS[0]], "bad_range", "backwards"),
        ([ODD, "--from", "2026-02-30"], "invalid_parameter", "since: "),
        ([ODD, "--to", "yesterday"], "invalid_parameter", "until: "),
        ([ODD, "--window", "0"], "invalid_parameter", "window: "),
    ],
)
def test_refusals_have_a_kind_and_status_2_and_write_nothing(
    history_home: Path, tmp_path: Path, arguments: list[str], kind: str, said: str
) -> None:
    out = tmp_path / "out"
    code, text = call(history_home, *arguments, "--json", "--output", str(out))
    error = json.loads(text)["error"]
    assert (code, error["kind"]) == (2, kind)
    assert said in error["what"]
    assert not out.exists()


def test_a_home_without_a_store_is_an_error(tmp_path: Path) -> None:
    code, text = call(tmp_path, ODD, "--json")
    assert (code, json.loads(text)["error"]["kind"]) == (2, "not_found")


def test_the_form_explains_every_parameter() -> None:
    fields = InvestigateParameters.model_json_schema()["properties"]
    assert {name for name, field in fields.items() if not field.get("description")} == (
        set()
    )


@pytest.mark.server
@pytest.mark.usefixtures("prefect_server")
def test_the_flow_leaves_answer_link_and_nights_in_the_ui(
    history_home: Path, tmp_path: Path
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    given = {"home": history_home, "name": ODD, "output": tmp_path, "now": CLOCK}
    state = investigate(InvestigateParameters.model_validate(given), return_state=True)
    found = state.result()
    assert found.marked_nights == (ODD_NIGHT,)
    with get_client(sync_client=True) as client:
        keys = ["investigate-answer", "investigate-page", "investigate-nights"]
        chosen = ArtifactFilter(key=ArtifactFilterKey(any_=keys))
        artifacts = {
            a.key: a
            for a in client.read_artifacts(artifact_filter=chosen)
            if a.flow_run_id == state.state_details.flow_run_id
        }
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert sorted(artifacts) == sorted(keys)
    assert found.title in str(artifacts["investigate-answer"].data)
    assert found.page.as_uri() in str(artifacts["investigate-page"].data)
    assert ODD_NIGHT in str(artifacts["investigate-nights"].data)
    assert run.name.startswith(f"investigate-{ODD}-")
