"""One night end to end on an embedded server: published, a no-op, revised, failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.nightly import NightOutcome, nightly
from flows.parameters import NightParameters
from storage.evidence import evidence_rows, write_evidence
from storage.store import BehaviorStore
from tasks.publish_consensus import consensus_runs, open_consensus
from tests.homes import CLOCK, LAST, MISSING_SITE, NOW, take_in, write_shard
from tests.tasks.consensus_data import ENDS, Row, shards

pytestmark = [
    pytest.mark.server,
    pytest.mark.usefixtures("prefect_server"),
]


def run(home: Path, **options: object) -> NightOutcome:
    given = {"home": home, "night": LAST, "cluster": "threads", "now": CLOCK}
    return nightly(NightParameters.model_validate(given | options))


def report(outcome: NightOutcome) -> dict:
    found = json.loads((outcome.page.parent / "report.json").read_text())
    return found.get("report", found)


def test_a_night_with_a_silent_site_is_published_and_says_so(home):
    found = run(home)
    assert (found.revision, found.computed) == (1, True)
    assert found.missing_sites == (MISSING_SITE,)
    assert 0.6 < found.arrived_share < 0.7
    assert MISSING_SITE in found.title
    shown = report(found)
    assert [v["outcome"] for v in shown["verdicts"]] == ["passed"] * 11
    lead = shown["features"][0]
    assert lead["estimate"]["basis"] == "estimated"
    assert lead["arrived"]["basis"] == "arrived only"
    assert lead["worst_lower"] < lead["estimate"]["lower"]
    assert lead["worst_upper"] > lead["estimate"]["upper"]
    silent = next(s for s in shown["sites"] if s["site"] == MISSING_SITE)
    assert (silent["rows"], silent["strip"][-1]) == (0, "missing")
    files = {path.name for path in found.page.parent.iterdir()}
    assert files == {
        "index.html",
        "report.json",
        "teams.parquet",
        "agents.parquet",
        "baselines.parquet",
        "changes.parquet",
        "cliques.parquet",
        "drift.parquet",
        "quantiles.parquet",
        "season.parquet",
    }
    assert shown["errors"] == []
    assert shown["change_summary"]["tested"] > 200
    assert shown["correlation_map"]["level"] == "team"
    assert {row["level"] for row in shown["drift"]} >= {"all", "site", "team"}
    store = BehaviorStore.open(str(home / "store"))
    assert f"nightly-{LAST.replace('-', '')}-r1" in store.tags()
    assert (home / "reports" / "index.html").read_text().count(LAST) > 0


def test_the_same_night_again_computes_nothing_and_says_so(home):
    first = run(home)
    before = BehaviorStore.open(str(home / "store")).snapshot
    again = run(home)
    assert (again.computed, again.revision) == (False, 1)
    assert again.result_digest == first.result_digest
    assert again.page == first.page
    assert BehaviorStore.open(str(home / "store")).snapshot == before


def test_a_run_that_died_before_its_index_is_listed_by_the_next_one(home):
    run(home)
    index = home / "reports" / "index.html"
    listed = index.read_text()
    index.unlink()
    assert not run(home).computed
    assert index.read_text() == listed


def test_a_late_shard_makes_a_revision_equal_to_the_undisturbed_night(home, tmp_path):
    run(home)
    take_in(home, write_shard(tmp_path, MISSING_SITE, LAST))
    revised = run(home)
    assert (revised.revision, revised.computed) == (2, True)
    assert revised.missing_sites == ()
    change = report(revised)["changes"]
    assert [(c["site"], c["night"], c["what"]) for c in change] == [
        (MISSING_SITE, LAST, "late")
    ]
    assert report(revised)["previous_revision"]["basis"] == "estimated"


def test_an_older_revision_says_that_it_is_superseded(home, tmp_path):
    first = run(home)
    before = first.page.read_text()
    assert "Superseded" not in before
    take_in(home, write_shard(tmp_path, MISSING_SITE, LAST))
    revised = run(home)
    after = first.page.read_text()
    assert "Superseded: revision 2 is newer." in after
    assert 'href="../r2/index.html"' in after
    assert report(first)["superseded_by"] == 2
    assert report(revised)["superseded_by"] is None
    assert "Superseded" not in revised.page.read_text()
    first.page.write_text(before)
    assert not run(home).computed
    assert first.page.read_text() == after


def test_a_correction_changes_its_night_and_is_listed(home, tmp_path):
    first = run(home)
    night = "2026-03-20"
    take_in(home, write_shard(tmp_path, "north", night, seq=2, shift=3.0))
    revised = run(home)
    assert revised.revision == 2
    assert revised.result_digest != first.result_digest
    change = report(revised)["changes"]
    assert [(c["site"], c["night"], c["what"]) for c in change] == [
        ("north", night, "corrected")
    ]


def test_too_few_nights_give_values_without_usual_ranges_or_agents(home):
    found = run(home, window=5)
    shown = report(found)
    assert shown["features"][0]["estimate"]["usual_lower"] is None
    assert shown["agent_summary"]["tested"] == 0
    outcomes = {v["name"]: v["outcome"] for v in shown["verdicts"]}
    assert outcomes["sentinels"] == outcomes["null-uniformity"] == "not run"
    assert outcomes["recompute"] == "passed"


def test_scores_are_weighed_with_other_evidence_when_asked_for(home):
    first = run(home, consensus="robust")
    store = BehaviorStore.open(str(home / "store"))
    (kept,) = consensus_runs(store, LAST)
    said = report(first)["posteriors"]
    assert (said["run"], len(said["rows"])) == (kept, 10)
    assert any(line.startswith("Sources: exact") for line in said["lines"])
    sources = open_consensus(store, kept).source.values.tolist()
    assert sources == ["monitor-north", "monitor-south", "monitor-west"]
    assert f"posteriors/{kept}" in first.page.read_text()
    assert not run(home, consensus="robust").computed
    forced = run(home, consensus="robust", force=True)
    after = BehaviorStore.open(str(home / "store"))
    assert (forced.revision, consensus_runs(after, LAST)) == (2, (kept,))
    assert len(evidence_rows(after, night=LAST)) == 2, "equal scores say nothing new"
    told = [Row("probe", "north-001", "peer validation", 3.0, night=LAST)]
    ENDS[LAST] = NOW - 7 * 3_600 * 10**9
    write_evidence(BehaviorStore.open(str(home / "store"), mode="a"), shards(told))
    late = run(home, consensus="robust")
    assert (late.revision, late.result_digest) == (3, first.result_digest)
    assert report(late)["posteriors"]["run"] != kept
