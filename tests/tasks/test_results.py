"""What a night publishes is read back whole, by us and by plain xarray."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from stats.moments import GroupMoments
from storage.errors import NotFound
from storage.store import BehaviorStore
from tasks.baseline_dataset import agent_dataset, baseline_dataset
from tasks.drift import level_drift
from tasks.publish import Published, publish
from tasks.results import open_results
from tasks.score_dataset import change_dataset, correlation_dataset, score_dataset
from tasks.verify import verify_store
from tests.homes import LAST, MISSING_SITE, SITES, build_home, nights, shard
from tests.nights import compute
from tests.repository import ROOT, fenced_blocks


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    home = build_home(tmp_path_factory.mktemp("home"))
    _, night, scores = compute(home)
    store = BehaviorStore.open(str(home / "store"), mode="a")
    record = Published(LAST, 1, "run", "identity", store.snapshot, night.digest, {}, {})
    publish(store, night, scores, record)
    return BehaviorStore.open(str(home / "store")), night, shards(), scores


def shards():
    """All rows before tonight, as they were written."""
    return {(site, when): shard(site, when) for when in nights()[:-1] for site in SITES}


def test_every_level_has_the_baseline_of_its_rows(computed):
    _, night, frames, _ = computed
    found = baseline_dataset(night).set_index(group="group")
    assert found["level"].values.tolist() == ["all"] + ["site"] * 3 + ["team"] * 12
    assert found["parent"].sel(group="west/team-1") == "west"
    for group in ("all", "west", "north/team-2"):
        site, _, team = group.partition("/")
        rows = np.concatenate(
            [
                frame[frame.team == team if team else frame.team != ""][
                    ["latency", "errors", "volume"]
                ]
                for (at, _), frame in frames.items()
                if group == "all" or at == site
            ]
        )
        here = found.sel(group=group)
        n = np.isfinite(rows).sum(axis=0)
        np.testing.assert_array_equal(here["n"], n)
        np.testing.assert_allclose(here["mean"], np.nanmean(rows, 0), rtol=1e-12)
        np.testing.assert_allclose(
            here["variance"], np.nanvar(rows, axis=0, ddof=1), rtol=1e-12
        )
        assert (here["variance_lower"] < here["variance"]).all()
        assert (here["variance"] < here["variance_upper"]).all()
        for j in range(3):
            x = rows[np.isfinite(rows[:, j]), j]
            expected = np.quantile(x, found["quantile"], method="inverted_cdf")
            error = found["quantiles"].attrs["relative_error"]
            q = here["quantiles"].values[:, j]
            assert (np.abs(q - expected) <= error * np.abs(expected)).all()
            assert (here["quantiles_lower"].values[:, j] <= q).all()
            assert (q <= here["quantiles_upper"].values[:, j]).all()
        pair = rows[:, :2]
        r = np.corrcoef(pair.T)[0, 1]
        np.testing.assert_allclose(here["correlation"][0, 1], r, rtol=1e-9)
        assert here["correlation_lower"][0, 1] < r < here["correlation_upper"][0, 1]


def test_an_agent_has_its_own_baseline_and_its_team(computed):
    _, night, frames, _ = computed
    found = agent_dataset(night)
    assert found.sizes == {"agent": 240, "feature": 3}
    name = "west-007"
    rows = np.concatenate(
        [f[f.agent == name][["latency"]] for (s, _), f in frames.items() if s == "west"]
    )
    here = found.isel(agent=found["agent"].values.tolist().index(name))
    assert here["team"] == "west/team-3"
    assert here["site"] == "west"
    alone = GroupMoments.from_block(rows, np.zeros(len(rows), int), 1)
    assert here["n"][0] == len(rows)
    np.testing.assert_array_equal(here["mean"][0], alone.mean()[0, 0])
    np.testing.assert_array_equal(here["variance"][0], alone.variance()[0, 0])
    lower, upper = alone.mean_interval()
    np.testing.assert_array_equal(here["mean_lower"][0], lower[0, 0])
    np.testing.assert_array_equal(here["mean_upper"][0], upper[0, 0])
    assert here["variance_lower"][0] < here["variance"][0] < here["variance_upper"][0]


def test_published_datasets_come_back_with_every_coordinate(computed):
    store, night, _, scores = computed
    found = open_results(store, LAST)
    assert sorted(found) == [
        "agents", "baselines", "changes", "correlations", "scores", "views",
    ]  # fmt: skip
    for name, expected in (
        ("baselines", baseline_dataset(night)),
        ("agents", agent_dataset(night)),
        ("scores", score_dataset(night, scores)),
        ("changes", change_dataset(night, scores.changes)),
        ("correlations", correlation_dataset(night, scores.changes)),
    ):
        back = found[name].load()
        assert sorted(back.coords) == sorted(expected.coords)
        assert sorted(back.data_vars) == sorted(expected.data_vars)
        for key, values in expected.variables.items():
            np.testing.assert_array_equal(back[key].values, values.values, err_msg=key)
            assert back[key].dims == values.dims
            for attribute, value in values.attrs.items():
                assert back[key].attrs[attribute] == value
        assert back.attrs["result_digest"] == night.digest
    assert open_results(store, LAST, 1)["views"].sizes["shard"] == len(night.quantiles)
    with pytest.raises(NotFound, match="revisions"):
        open_results(store, LAST, 2)
    with pytest.raises(NotFound, match="newest"):
        open_results(store, "2020-01-01")


def test_plain_xarray_opens_the_same_group(computed):
    store, _, _, _ = computed
    session = store.at(f"nightly-{LAST.replace('-', '')}-r1").reader
    plain = xr.open_zarr(session, group=f"runs/{LAST}/r1/baselines", consolidated=False)
    ours = open_results(store, LAST)["baselines"]
    xr.testing.assert_equal(plain, ours)
    teams = plain.isel(group=(plain["level"] == "team").values)
    assert teams["mean"].sel(group="west/team-0", feature="latency").ndim == 0


def test_the_documented_snippets_read_it(computed):
    store, _, _, _ = computed
    home = str(store.url).removesuffix("/store")
    text = (ROOT / "docs/how-to/read-results.md").read_text("utf-8")
    names: dict = {}
    for block in fenced_blocks(text, "python"):
        exec(block, names)
    assert names["drifting_teams"](home, LAST) == []
    expected = open_results(store, LAST)["baselines"]
    xr.testing.assert_equal(names["open_baselines"](home, LAST), expected)


def test_drift_and_season_are_there_and_a_silent_site_is_not_tested(computed):
    _, night, _, _ = computed
    found = baseline_dataset(night).set_index(group="group")
    assert np.isfinite(found["season_p"].sel(group="west")).all()
    assert np.isnan(found["drift_tonight_log_p"].sel(group=MISSING_SITE))
    assert np.isfinite(found["drift_week_log_p"].sel(group="west"))
    assert not found["drift_week_found"].any()
    assert np.isfinite(found["drift_slow_p"].sel(group="all")).all()
    level = night.baselines.team
    assert (
        level_drift(night.view.nights[-10:], level.cells[-10:], level.cells[-10:])
        is None
    )


def test_the_digest_covers_the_counts_per_bin(computed):
    from tasks.night import result_digest

    _, night, _, _ = computed
    level = night.baselines.levels["all"]
    assert level.bins is not None
    changed = dataclasses.replace(level, bins=level.bins.merge(level.bins))
    levels = {**night.baselines.levels, "all": changed}
    baselines = dataclasses.replace(night.baselines, levels=levels)
    assert result_digest(night.view, night.baselines, night.agents) == night.digest
    assert result_digest(night.view, baselines, night.agents) != night.digest


def test_a_silent_site_is_estimated_at_level_all_and_keeps_its_last_value(computed):
    _, night, _, _ = computed
    found = baseline_dataset(night).set_index(group="group")
    share = found.attrs["arrived_share"]
    assert found.attrs["missing_sites"] == [MISSING_SITE]
    whole, silent = found.sel(group="all"), found.sel(group=MISSING_SITE)
    before = found["nightly_mean"].isel(night=-2).sel(group=MISSING_SITE)
    np.testing.assert_array_equal(silent["tonight_estimate"], before)
    assert np.isnan(silent["tonight_lower"]).all()
    assert silent["tonight_age"].values.tolist() == [1, 1, 1]
    assert (silent["tonight_arrived_mass"] == 0).all()
    team = found.sel(group=f"{MISSING_SITE}/team-0")
    ends = [(f.minimum, f.maximum) for f in night.schema.features]
    for group in (silent, team):
        bounds = group["tonight_worst_lower"], group["tonight_worst_upper"]
        np.testing.assert_array_equal(np.stack(bounds, axis=1), ends)
    np.testing.assert_allclose(whole["tonight_arrived_mass"], share)
    assert (whole["tonight_lower"] < whole["tonight_estimate"]).all()
    assert (whole["tonight_age"] == 1).all()
    assert whole["tonight_flagged"].all(), "18 pairs of nights are too few"
    arrived = found["nightly_mean"].isel(night=-1).sel(group="all")
    middle = (whole["tonight_worst_lower"] + whole["tonight_worst_upper"]) / 2
    declared = np.array([sum(e) / 2 for e in ends])
    expected = share * arrived + (1 - share) * declared
    np.testing.assert_allclose(middle[:2], expected[:2], rtol=1e-12)
    here = found.sel(group="west")
    np.testing.assert_array_equal(
        here["tonight_estimate"], found["nightly_mean"].isel(night=-1).sel(group="west")
    )
    assert "drift as in their history" in found["tonight_upper"].attrs["assumption"]


def test_statistics_of_rows_say_whose_they_are(computed):
    _, night, _, scores = computed
    found = baseline_dataset(night)
    assert found.attrs["partial_baselines"] == []
    assert found["correlation"].attrs["population"] == "all agents"
    assert found["nightly_mean"].attrs["population"] == "arrived agents only"
    holes = {
        place: rows
        for place, rows in night.view.winners.items()
        if place not in {("north", "2026-03-10"), ("north", "2026-03-11")}
    }
    lacking = dataclasses.replace(
        night, view=dataclasses.replace(night.view, winners=holes)
    )
    found = baseline_dataset(lacking)
    assert found.attrs["partial_baselines"] == ["north: 2"]
    for name in ("covariance", "correlation_lower", "quantiles", "variance", "mean"):
        assert found[name].attrs["population"] == "arrived agents only"
    own = agent_dataset(lacking)
    assert own["variance_upper"].attrs["population"] == "arrived agents only"
    assert own.attrs["partial_baselines"] == ["north: 2"]
    assert "population" not in found["nightly_n"].attrs
    scored = score_dataset(lacking, scores)
    lacks = dict(
        zip(scored["team"].values, scored["team_baseline_lacks"].values, strict=True)
    )
    assert (lacks["north/team-1"], lacks["west/team-1"]) == (2, 0)
    sites = scored["agent_team"].values.astype(str)
    expected = [2 if name.startswith("north/") else 0 for name in sites]
    assert scored["agent_baseline_lacks"].values.tolist() == expected
    assert scored.attrs["missing_sites"] == [MISSING_SITE]


def test_a_published_night_verifies_and_its_figures_rest_on_the_ledger(computed):
    store = computed[0]
    done = verify_store(store.url, full=True)
    assert done.findings == []
    rows = len(store.shards())
    assert (done.counts["shards"], done.counts["nights"]) == (rows, 1)
    assert done.counts["recomputed summaries"] == 2 * rows
