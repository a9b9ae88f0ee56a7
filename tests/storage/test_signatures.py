"""A signature is refused for one other bit of any field, and in any other place."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import Rejected
from storage.key_registry import KeyRegistry
from storage.keys import key_id_of, public_text
from storage.records import ShardKey, ShardRow, Version
from storage.signatures import SignedHeader, sign, signed_bytes, verify
from tests.storage.key_rings import (
    CONTENT,
    DAY,
    HEADER,
    START,
    private_key,
    ring,
    rotation,
)

PRIVATE = private_key("north")
SIGNER = key_id_of(public_text(PRIVATE))
SIGNATURE = sign(PRIVATE, HEADER, CONTENT)
REGISTRY = ring("north", "south")
NOW = START + 10 * DAY
SAID: dict[str, Any] = {
    **{f.name: getattr(HEADER, f.name) for f in dataclasses.fields(HEADER)},
    "content_sha256": CONTENT,
    "signature": SIGNATURE,
    "signer": SIGNER,
}


def check(registry: KeyRegistry = REGISTRY, *, at: int = NOW, **changed: Any) -> None:
    """Verify the shard of these tests, with some of what is said of it changed."""
    said = SAID | changed
    rest = {name: said.pop(name) for name in ("content_sha256", "signature", "signer")}
    verify(registry, SignedHeader(**said), **rest, at=at)


def refusal(registry: KeyRegistry = REGISTRY, *, at: int = NOW, **changed: Any) -> str:
    with pytest.raises(Rejected) as caught:
        check(registry, at=at, **changed)
    assert caught.value.reason == "signature"
    return str(caught.value)


def flipped(value: Any, bit: int) -> Any:
    """Return a value of the same type with one bit changed, counted from the lowest."""
    if isinstance(value, int):
        return int.from_bytes(
            (value ^ (1 << bit % 63)).to_bytes(8, "big"), "big", signed=True
        )
    if isinstance(value, tuple):
        place, rest = divmod(bit, 8 * len(value[0]))
        place %= len(value)
        return (*value[:place], flipped(value[place], rest), *value[place + 1 :])
    place = bit // 7 % len(value)
    changed = chr(ord(value[place]) ^ (1 << bit % 7))
    return value[:place] + changed + value[place + 1 :]


def test_the_honest_shard_is_accepted() -> None:
    check()
    assert sign(PRIVATE, HEADER, CONTENT) == SIGNATURE


@pytest.mark.parametrize("name", SAID)
@given(bit=st.integers(0, 127))
def test_one_bit_of_any_field_is_refused(name: str, bit: int) -> None:
    wrong = flipped(SAID[name], bit)
    assert wrong != SAID[name]
    refusal(**{name: wrong})


def test_every_field_of_the_ledger_row_is_signed_or_follows_from_the_content() -> None:
    row = ShardRow(
        ShardKey("evidence", "north", "2026-03-08"), Version(2, 7), CONTENT, "table",
        3, (), 2, START, START, "site", 1, 5, "shards/x",
    )  # fmt: skip
    base = signed_bytes(SignedHeader.of_row(row), row.sha256, SIGNER)
    changes: dict[str, Any] = {
        "key": [
            ShardKey("other", "north", "2026-03-08"),
            ShardKey("evidence", "south", "2026-03-08"),
            ShardKey("evidence", "north", "2026-03-09"),
            ShardKey("evidence", "north", "2026-03-08", "1"),
        ],
        "version": [Version(3, 7), Version(2, 8)],
        "sha256": ["0" * 64],
        "kind": ["data"],
        "n": [4],
        "event_end": [START + 1],
        "schema": [2],
        "deps": [("south/0-1",)],
    }
    for name, values in changes.items():
        for value in values:
            other = dataclasses.replace(row, **{name: value})
            header = SignedHeader.of_row(other)
            assert signed_bytes(header, other.sha256, SIGNER) != base
    unsigned = {f.name for f in dataclasses.fields(row)} - set(changes)
    by_content = {"observed", "agents", "numbers", "said"}
    by_store = {"ingested_at", "issuer", "chunk_count", "path", "signature", "signer"}
    assert unsigned <= by_content | by_store


def test_columns_cannot_swap_their_values() -> None:
    assert signed_bytes(
        dataclasses.replace(HEADER, epoch=7, seq=2), CONTENT, SIGNER
    ) != signed_bytes(HEADER, CONTENT, SIGNER)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"night": "2026-03-09"},
        {"part": "1"},
        {"dataset": "behaviour"},
        {"seq": 8},
        {"epoch": 3},
    ],
)
def test_a_signed_shard_is_refused_in_another_place(elsewhere: dict[str, Any]) -> None:
    assert "did not make for this" in refusal(**elsewhere)


def test_no_source_signs_for_another() -> None:
    text = refusal(site="south")
    assert f"key {SIGNER} of north, expected a key of south" in text
    forged = sign(private_key("south"), HEADER, CONTENT)
    south = key_id_of(public_text(private_key("south")))
    assert "of south, expected a key of north" in refusal(
        signature=forged, signer=south
    )
    assert "did not make for this" in refusal(signature=forged)


def test_each_reason_has_its_own_text() -> None:
    replaced = REGISTRY.add(rotation("north", "north", "new", at=NOW), at=NOW)
    revoked = REGISTRY.revoke(SIGNER, since=NOW, reason="laptop lost")
    texts = {
        "not registered": refusal(ring("south")),
        "revoked since": refusal(revoked),
        "not valid before": refusal(at=START - 1),
        "expired at": refusal(at=START + 365 * DAY),
        "replaced by": refusal(replaced, at=NOW + 2 * DAY),
        "0 characters": refusal(signature=""),
        "column 'signer'": refusal(signer="north"),
        "did not make for this": refusal(n=4),
    }
    for part, text in texts.items():
        assert part in text
    assert len(set(texts.values())) == len(texts)
    assert "laptop lost" in texts["revoked since"]


def test_the_clock_of_the_reader_decides_not_the_night_that_is_stated() -> None:
    revoked = REGISTRY.revoke(SIGNER, since=NOW, reason="stolen")
    check(revoked, at=NOW - 1)
    backdated = dataclasses.replace(HEADER, night="2020-01-01", event_end=DAY)
    signature = sign(PRIVATE, backdated, CONTENT)
    text = refusal(
        revoked, at=NOW, night="2020-01-01", event_end=DAY, signature=signature
    )
    assert "stolen" in text


def test_old_and_new_key_overlap_in_a_rotation() -> None:
    replaced = REGISTRY.add(rotation("north", "north", "new", at=NOW), at=NOW - DAY)
    new = private_key("new")
    fresh = {
        "signature": sign(new, HEADER, CONTENT),
        "signer": key_id_of(public_text(new)),
    }
    check(replaced, at=NOW + 2 * DAY - 1)
    check(replaced, at=NOW, **fresh)
    check(replaced, at=NOW + 300 * DAY, **fresh)
    assert "not valid before" in refusal(replaced, at=NOW - 1, **fresh)
