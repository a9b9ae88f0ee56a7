"""The key registry as JSON and in a store: whole, append-only, checked when read."""

import json
from pathlib import Path

import pytest

from storage.arrays import run, write_group
from storage.errors import Conflict, Corrupt, KeyRefused
from storage.integrity import verify
from storage.key_registry import KeyRegistry
from storage.key_store import (
    read_keys,
    registry_from_json,
    registry_to_json,
    write_keys,
)
from storage.keys import key_id_of, public_text
from storage.store import BehaviorStore
from tests.storage.key_rings import START, first_key, private_key, ring, rotation

NORTH = key_id_of(public_text(private_key("north")))
FULL = (
    ring("north", "south")
    .add(rotation("north", "north", "new", at=START), at=START)
    .revoke(NORTH, since=START + 1, reason="lost")
)


def test_json_keeps_everything() -> None:
    again = registry_from_json(registry_to_json(FULL))
    assert again == FULL
    assert again.keys == FULL.keys
    assert registry_to_json(again) == registry_to_json(FULL)


def test_json_that_was_tampered_with_is_refused() -> None:
    text = registry_to_json(FULL)
    assert '"source": "south"' in text
    with pytest.raises(KeyRefused, match="its own signature is not valid"):
        registry_from_json(text.replace('"source": "south"', '"source": "west"'))
    newer = json.dumps(json.loads(text) | {"version": 2})
    with pytest.raises(KeyRefused, match="version 2, this code reads 1"):
        registry_from_json(newer)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"version": 1, "events": [{"event": "moved"}]}', "[]"]
)
def test_what_is_no_registry_is_refused(text: str) -> None:
    with pytest.raises(KeyRefused, match="no key registry"):
        registry_from_json(text)


def test_a_store_without_keys_has_an_empty_registry(filled: BehaviorStore) -> None:
    assert read_keys(filled) == KeyRegistry()
    before = filled.snapshot
    write_keys(filled, KeyRegistry(), message="nothing")
    assert filled.snapshot == before


def test_a_store_keeps_everything_beside_its_shards(filled: BehaviorStore) -> None:
    rows = filled.shards()
    write_keys(filled, ring("north", "south"), message="two keys")
    write_keys(filled, FULL, message="more")
    again = BehaviorStore.open(filled.url)
    assert read_keys(again) == FULL
    assert again.shards() == rows
    assert verify(again, full=True) == ()
    assert [commit.message for commit in again.history()[:2]] == ["more", "two keys"]


def test_a_store_only_takes_what_continues_its_registry(
    store: BehaviorStore,
) -> None:
    write_keys(store, ring("north"), message="north")
    other = BehaviorStore.open(store.url, "a")
    before = read_keys(other)
    write_keys(store, before.add(first_key("west"), at=START), message="west")
    with pytest.raises(Conflict, match="do not begin with them"):
        write_keys(other, before.add(first_key("east"), at=START), message="east")
    with pytest.raises(Conflict):
        write_keys(store, KeyRegistry(), message="forget")
    sources = {key.source for key in read_keys(store).keys.values()}
    assert sources == {"north", "west"}


@pytest.mark.parametrize("number", ["00000001", "00000003"])
def test_events_that_do_not_belong_are_damage(
    store: BehaviorStore, number: str
) -> None:
    write_keys(store, ring("north"), message="north")

    def plant(session: object) -> None:
        run(write_group(session, f"keys/{number}", {"event": "revoked"}, {}))  # type: ignore[arg-type]

    store.commit(plant, "planted")
    with pytest.raises(Corrupt, match="cannot be trusted"):
        read_keys(store)


def test_no_private_key_enters_a_store(store: BehaviorStore, tmp_path: Path) -> None:
    write_keys(store, FULL, message="keys")
    secrets = [private_key(n).private_bytes_raw() for n in ("north", "south", "new")]
    found = b"".join(
        file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()
    )
    assert found
    assert [s for s in secrets if s in found or s.hex().encode() in found] == []
