"""One store brought up to another: only what is missing passes, all of it checked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.authenticity import SignaturePolicy
from storage.errors import Corrupt, NotFound, StoreFormat, Unreachable
from storage.exchange import Exchange, identity
from storage.key_store import read_keys
from storage.packs import unpack_shard
from storage.records import SeqSpan
from storage.schema import Feature, Schema
from storage.store import BehaviorStore
from storage.transport import Pace, StoreTransport
from tasks.sync import SyncReport, pull_store
from tests import two_stores
from tests.storage.landing import SCHEMA
from tests.two_stores import LATER, NIGHTS, make, shard


class Line(StoreTransport):
    """A line that counts bytes, and may lie or be cut."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.sent = 0
        self.pulled: list[str] = []
        self.cut_after: int | None = None
        self.change = lambda data: data

    def ask(self, question: str, body: bytes) -> bytes:
        answer = super().ask(question, body)
        self.sent += len(body) + len(answer)
        return answer

    def pull(self, name: str, start: int) -> Iterator[bytes]:
        if self.cut_after is not None and len(self.pulled) >= self.cut_after:
            raise Unreachable("cut")
        self.pulled.append(name)
        for piece in super().pull(name, start):
            self.sent += len(piece)
            yield self.change(piece)


def pull(source: object, target: BehaviorStore, **options: object) -> SyncReport:
    line = source if isinstance(source, Line) else source.url
    return pull_store(line, target.url, now=LATER, **options)


def counts(report: SyncReport) -> tuple[int, int, int, int]:
    return report.missing, report.applied, report.equivocations, report.keys


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    two_stores.both(folder)
    make(folder / "one", shard("north", NIGHTS[0]))
    make(folder / "empty")
    return folder


@pytest.fixture
def copy(built: Path, tmp_path: Path):
    """Private copies of stores that were made once."""

    def copied(*names: str) -> list[BehaviorStore]:
        for name in names:
            shutil.copytree(built / name, tmp_path / name)
        return [BehaviorStore.open(str(tmp_path / name), "a") for name in names]

    return copied


def test_both_know_the_same_afterwards(copy) -> None:
    left, right = copy("left", "right")
    there = pull(left, right)
    assert counts(there) == (9, 9, 1, 1)
    back = pull(right, left)
    assert counts(back) == (2, 2, 1, 0)
    assert there.complete
    assert back.complete
    assert back.ledger == two_stores.ledger(left) == two_stores.ledger(right)
    rows = two_stores.rows_apart_from_place(left)
    assert len(rows) == 15
    assert two_stores.rows_apart_from_place(right) == rows
    assert two_stores.contents(left) == two_stores.contents(right)
    assert len(two_stores.contents(left)) == 12
    assert read_keys(left) == read_keys(right.refresh())


def test_again_sends_a_digest_and_writes_nothing(copy) -> None:
    left, right = copy("left", "right")
    pull(left, right)
    snapshot = right.refresh().snapshot
    again = pull(left, right)
    assert (again.missing, again.applied, again.pack_bytes) == (0, 0, 0)
    assert again.snapshot == right.refresh().snapshot == snapshot
    # Overview, digests of the site where the right knows more, and the keys.
    assert again.digest_bytes < 4_000


def test_no_more_bytes_pass_than_digests_and_what_is_missing(copy) -> None:
    left, right = copy("left", "right")
    known = {identity(row) for row in right.rows()}
    line = Line(left.url)
    report = pull(line, right)
    source = Exchange(left.url)
    sizes = {identity(row): source.pack(identity(row)).size for row in left.rows()}
    expected = {name: size for name, size in sizes.items() if name not in known}
    assert sorted(line.pulled) == sorted(expected)
    assert report.pack_bytes == report.missing_bytes == sum(expected.values())
    assert line.sent == report.digest_bytes + report.pack_bytes
    # A row is some 600 bytes, a digest below 100, the rest is the schema and a key.
    assert report.digest_bytes < 800 * report.missing + 4_000


def test_a_store_that_is_not_there_is_made(copy, tmp_path: Path) -> None:
    (left,) = copy("left")
    new = str(tmp_path / "new")
    with pytest.raises(NotFound, match="--dry-run"):
        pull_store(left.url, new, now=LATER, dry_run=True)
    assert not BehaviorStore.exists(new)
    report = pull_store(left.url, new, now=LATER)
    assert report.ledger == two_stores.ledger(left)
    assert BehaviorStore.open(new).rows_per_chunk == left.rows_per_chunk


def test_a_dry_run_says_what_it_would_ask_for(copy) -> None:
    left, right = copy("left", "right")
    before = right.snapshot
    report = pull(left, right, dry_run=True)
    assert (report.missing, report.applied, report.pack_bytes) == (9, 0, 0)
    assert report.missing_bytes > 0
    assert not report.complete
    assert right.refresh().snapshot == before
    assert not read_keys(right).events
    assert set(report.order) == set(pull(left, right).order)


def test_a_cut_line_leaves_whole_batches_and_the_next_run_the_rest(copy) -> None:
    left, right = copy("left", "right")
    line = Line(left.url)
    line.cut_after = 5
    with pytest.raises(Unreachable):
        pull(line, right, batch=2)
    assert len(right.refresh().rows()) == 6 + 5
    received = [c.message for c in right.history() if c.message.startswith("receive")]
    assert received == ["receive 1 shards", "receive 2 shards", "receive 2 shards"]
    rest = Line(left.url)
    report = pull(rest, right)
    assert report.missing == len(rest.pulled) == 4
    assert not set(rest.pulled) & set(line.pulled)
    assert report.complete


def test_what_was_changed_on_the_way_is_not_applied(copy) -> None:
    left, right = copy("one", "empty")
    (row,) = left.rows()
    pieces = list(Exchange(left.url).pack(identity(row)).read())
    whole = b"".join(pieces)
    assert unpack_shard(whole, row, SCHEMA).row.sha256 == row.sha256
    assert len(pieces) == 1 + 6 + 11  # the head, documents, chunks
    for place, piece in enumerate(pieces):
        middle = len(piece) // 2
        changed = piece[:middle] + bytes([piece[middle] ^ 1]) + piece[middle + 1 :]
        data = b"".join([*pieces[:place], changed, *pieces[place + 1 :]])
        with pytest.raises(Corrupt):
            unpack_shard(data, row, SCHEMA)
    for data in (b"", whole[:-1], whole + b"x"):
        with pytest.raises(Corrupt):
            unpack_shard(data, row, SCHEMA)

    line = Line(left.url)
    line.change = lambda data: data[:-1] + bytes([data[-1] ^ 1])
    before = right.snapshot
    with pytest.raises(Corrupt):
        pull(line, right)
    line.change = lambda data: data * 2
    with pytest.raises(Corrupt, match="were announced"):
        pull(line, right)
    assert right.refresh().snapshot == before


@pytest.mark.parametrize(
    "said",
    [
        {"n": 3}, {"observed": (1, 1)}, {"agents": 7}, {"schema": 2},
        {"sha256": "0" * 64}, {"kind": "table"}, {"chunk_count": 3},
        {"numbers": SeqSpan(0, 0, 1)},
    ],
)  # fmt: skip
def test_a_row_that_does_not_fit_its_content_is_refused(copy, said: dict) -> None:
    (left,) = copy("one")
    (row,) = left.rows()
    data = b"".join(Exchange(left.url).pack(identity(row)).read())
    with pytest.raises((Corrupt, StoreFormat)):
        unpack_shard(data, replace(row, **said), SCHEMA)


def test_stores_of_two_schemas_are_kept_apart(copy, tmp_path: Path) -> None:
    (left,) = copy("empty")
    other = Schema(dataset="demo", features=(Feature("x", "1", "X"),), times=(0,))
    right = BehaviorStore.create(str(tmp_path / "right"), other)
    with pytest.raises(StoreFormat, match="schemas"):
        pull(left, right)


def test_a_bandwidth_is_kept_to() -> None:
    waits: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    pace = Pace(100.0, clock=lambda: now[0], sleep=sleep)
    for _ in range(10):
        pace.spend(50)
    assert now[0] == pytest.approx(5.0)
    now[0] += 100  # an idle line saves nothing up
    pace.spend(200)
    assert waits[-1] == pytest.approx(2.0)


@pytest.mark.parametrize("policy", SignaturePolicy)
def test_unsigned_shards_enter_as_the_rule_says(copy, policy: SignaturePolicy) -> None:
    left, right = copy("one", "empty")
    report = pull(left, right, policy=policy)
    allowed = policy is not SignaturePolicy.REQUIRE
    assert (report.applied, len(report.refused)) == (allowed, not allowed)
    assert report.pack_bytes == (report.missing_bytes if allowed else 0)
    assert report.complete == allowed
