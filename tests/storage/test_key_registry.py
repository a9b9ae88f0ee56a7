"""The rules of the key registry: who may add, rotate and revoke what, and when."""

import dataclasses
from collections.abc import Callable

import pytest

from storage.errors import KeyRefused, Rejected
from storage.key_announcements import Announcement, announce, read_announcement
from storage.key_registry import Added, KeyRegistry, moment
from storage.keys import key_id_of, public_text, sign_bytes
from tests.storage.key_rings import (
    DAY,
    START,
    first_key,
    private_key,
    ring,
    rotation,
)

YEAR = 365 * DAY
NORTH, NEW = (key_id_of(public_text(private_key(n))) for n in ("north", "new"))


def test_a_registry_says_what_it_holds() -> None:
    registry = ring("north", "south").revoke(NORTH, since=START + 1, reason="lost")
    assert repr(registry) == "KeyRegistry: n=2 keys | sources=2 | revoked=1"
    (key,) = registry.of_source("north")
    assert (key.id, key.source, key.reason) == (NORTH, "north", "lost")
    assert registry.of_source("west") == ()


def test_changes_leave_the_earlier_registry_as_it_was() -> None:
    one = ring("north")
    two = one.revoke(NORTH, since=START, reason="lost")
    assert one.keys[NORTH].fault(START) == ""
    assert two.keys[NORTH].fault(START) == f"revoked since {moment(START)}: lost"
    assert two.extends(one)
    assert not one.extends(two)
    assert not two.extends(ring("south"))


def test_a_key_is_valid_from_its_first_to_before_its_last_moment() -> None:
    (key,) = ring("north").of_source("north")
    assert key.fault(START - 1) == f"not valid before {moment(START)}"
    assert key.fault(START) == ""
    assert key.fault(START + YEAR - 1) == ""
    assert key.fault(START + YEAR) == f"expired at {moment(START + YEAR)}"


def test_a_rotation_ends_the_old_key_after_the_overlap() -> None:
    at = START + 30 * DAY
    registry = ring("north").add(rotation("north", "north", "new", at=at), at=at)
    old, new = registry.of_source("north")
    assert (old.replaced_by, new.replaces) == (new.id, old.id)
    assert old.valid_until == at + 2 * DAY
    assert (new.valid_from, new.valid_until) == (at, at + YEAR)


def test_a_rotation_never_makes_the_old_key_last_longer() -> None:
    at = START + YEAR - DAY
    registry = ring("north").add(rotation("north", "north", "new", at=at), at=at)
    assert registry.keys[NORTH].valid_until == START + YEAR


def test_a_source_may_start_anew_once_its_key_is_revoked_or_over() -> None:
    revoked = ring("north").revoke(NORTH, since=START + DAY, reason="lost")
    fresh = first_key("north", "new", START + DAY)
    assert NEW in revoked.add(fresh, at=START + DAY).keys
    late = first_key("north", "new", START + YEAR)
    assert NEW in ring("north").add(late, at=START + YEAR).keys


def _rotated(at: int = START + DAY) -> KeyRegistry:
    return ring("north", "south").add(rotation("north", "north", "new", at=at), at=at)


def _unendorsed(said: Announcement) -> Announcement:
    return dataclasses.replace(said, endorsement=said.proof)


REFUSED: dict[str, Callable[[], object]] = {
    "has key .* in force": lambda: ring("north").add(
        first_key("north", "new"), at=START
    ),
    "registered once and belongs to one source": lambda: ring("north").add(
        first_key("south", "north"), at=START
    ),
    "registered already": lambda: ring("north").add(first_key("north"), at=START),
    "not registered. Register that one first": lambda: KeyRegistry().add(
        rotation("north", "north", "new", at=START), at=START
    ),
    "a key of south. A source rotates its own": lambda: ring("north", "south").add(
        rotation("north", "south", "new", at=START), at=START
    ),
    "was replaced by": lambda: _rotated().add(
        rotation("north", "north", "third", at=START + DAY), at=START + DAY
    ),
    "cannot endorse it: revoked": lambda: (
        ring("north")
        .revoke(NORTH, since=START, reason="lost")
        .add(rotation("north", "north", "new", at=START), at=START)
    ),
    "cannot endorse it: expired": lambda: ring("north").add(
        rotation("north", "north", "new", at=START + YEAR), at=START + YEAR
    ),
    "the signature of the key it replaces": lambda: ring("north").add(
        _unendorsed(rotation("north", "north", "new", at=START)), at=START
    ),
    "cannot be revoked": lambda: ring("north").revoke(NEW, since=0, reason="lost"),
    "without a reason": lambda: ring("north").revoke(NORTH, since=0, reason=" "),
    "not taken back or put off": lambda: (
        ring("north")
        .revoke(NORTH, since=START, reason="lost")
        .revoke(NORTH, since=START, reason="found")
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_rules_are_kept(text: str) -> None:
    with pytest.raises(KeyRefused, match=text):
        REFUSED[text]()


def test_a_key_that_begins_later_is_in_force_too() -> None:
    future = KeyRegistry().add(first_key("north", start=START + DAY), at=START)
    with pytest.raises(KeyRefused, match="in force"):
        future.add(first_key("north", "new"), at=START)


def test_a_revocation_may_be_moved_earlier() -> None:
    once = ring("north").revoke(NORTH, since=START + 9, reason="lost")
    again = once.revoke(NORTH, since=START + 5, reason="lost earlier")
    assert again.keys[NORTH].revoked_at == START + 5
    assert again.keys[NORTH].reason == "lost earlier"


def test_an_announcement_survives_json() -> None:
    said = rotation("north", "north", "new", at=START)
    assert read_announcement(said.to_json()) == said


@pytest.mark.parametrize(
    "change",
    [
        {"source": "south"},
        {"valid_from": START + 1},
        {"valid_until": START + 2 * YEAR},
        {"overlap": 3},
        {"replaces": NORTH},
        {"public": public_text(private_key("new"))},
    ],
)
def test_a_changed_announcement_is_refused(change: dict[str, object]) -> None:
    said = dataclasses.replace(first_key("north"), **change)
    with pytest.raises(KeyRefused, match="its own signature is not valid"):
        read_announcement(said.to_json())
    with pytest.raises(KeyRefused, match="its own signature is not valid"):
        KeyRegistry((Added(said, START),))


def test_nobody_announces_a_key_that_is_not_theirs() -> None:
    stolen = dataclasses.replace(first_key("south"), source="north")
    forged = dataclasses.replace(
        stolen, proof=sign_bytes(private_key("north"), stolen.message())
    )
    with pytest.raises(KeyRefused, match="its own signature is not valid"):
        forged.check()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"source": 3}', first_key("north").to_json()[:-1] + ', "x": 1}'],
)
def test_what_is_no_announcement_is_refused(text: str) -> None:
    with pytest.raises(KeyRefused, match="no announcement"):
        read_announcement(text)


def test_an_announcement_has_the_right_types() -> None:
    said = first_key("north").to_json().replace(str(START), f'"{START}"', 1)
    with pytest.raises(KeyRefused, match="valid_from are of the wrong type"):
        read_announcement(said)


@pytest.mark.parametrize(
    ("source", "start", "end", "error"),
    [
        ("no rth", 0, 1, Rejected),
        ("north", 1, 1, KeyRefused),
        ("north", -1, 1, KeyRefused),
        ("north", 0, 2**63, KeyRefused),
    ],
)
def test_an_announcement_makes_sense(
    source: str, start: int, end: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        announce(source, private_key("x"), valid_from=start, valid_until=end)


def test_moments_are_written_to_the_second() -> None:
    assert moment(START + 1_500_000_000) == "2024-10-04 00:00:01 UTC"
    assert moment(2**62 * 100) == f"{2**62 * 100} ns"
