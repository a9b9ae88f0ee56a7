"""Views of a real store, as it is and as it was known before."""

import datetime as dt
import json
from pathlib import Path

import pytest

from stats.refusals import Unavailable
from stats.staleness import ConsistencyModel
from storage.errors import NotFound
from storage.store import BehaviorStore
from tasks.views import store_at, view
from tests.storage.landing import DAY, NIGHT, NOW, SCHEMA, table, take_in, write

BEFORE = "2026-03-07"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BehaviorStore:
    """Two sites, two nights, a manifest that names a part that comes last."""
    home = tmp_path_factory.mktemp("views")
    made = BehaviorStore.create(str(home / "store"), SCHEMA, rows_per_chunk=4)
    land = home / "landing"
    for site in ("north", "south"):
        for seq, night in ((1, BEFORE), (3, NIGHT)):
            path = land / f"{site}-{night}.csv"
            write(path, table(seq), site=site, night=night, seq=seq)
            said = {"site": site, "night": night, "seq": seq + 1, "agents": 20}
            said["parts"] = ["0", "1"] if (site, night) == ("south", NIGHT) else ["0"]
            (land / f"{site}-{night}.manifest.json").write_text(json.dumps(said))
    take_in(made, land)
    late = write(home / "late.csv", table(7), site="south", part="1", seq=5)
    take_in(made, late, now=NOW + DAY)
    return BehaviorStore.open(made.url)


def test_a_past_night_is_read_as_it_was_known_then(store: BehaviorStore) -> None:
    snapshots = [commit.snapshot for commit in store.history()]
    now = view(store, now=NOW + DAY)
    assert (now.night, now.arrived_mass, now.watermark) == (NIGHT, 1.0, NIGHT)
    assert now.snapshot == store.snapshot
    first = next(s for s in snapshots if len(store.at(s).rows()) == 8)
    then = view(store_at(store, first), now=NOW + DAY)
    assert (then.night, then.arrived_mass, then.watermark) == (NIGHT, 0.5, BEFORE)
    assert then.ledger_digest != now.ledger_digest
    assert now.clock.covers(then.clock)
    with pytest.raises(Unavailable, match="south"):
        view(store_at(store, first), NIGHT, ConsistencyModel.STRONG, now=NOW)


def test_a_date_selects_what_was_committed_by_its_end(store: BehaviorStore) -> None:
    newest = store.history()[0]
    moment = dt.datetime.fromtimestamp(newest.written_at / 1e9, dt.UTC)
    assert store_at(store, moment.date().isoformat()).snapshot == newest.snapshot
    with pytest.raises(NotFound, match="committed until"):
        store_at(store, (moment.date() - dt.timedelta(days=1)).isoformat())
    early = store_at(store, (moment - dt.timedelta(milliseconds=1)).isoformat())
    assert early.snapshot != newest.snapshot
    with pytest.raises(NotFound):
        store_at(store, "NOSUCHSNAPSHOT")


def test_the_view_of_nothing_is_no_number(tmp_path: Path) -> None:
    empty = BehaviorStore.create(str(tmp_path / "store"), SCHEMA)
    found = view(empty, NIGHT, now=NOW, roster=("north",))
    assert (found.n, found.arrived_mass, found.watermark) == (0, 0.0, None)
    assert found.ages["north"].seconds == float("inf")
