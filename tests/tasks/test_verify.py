"""A flipped bit is found by `verify` and by who reads, or changes nothing read."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from storage.errors import NotFound, StorageError
from storage.findings import is_panic
from tasks.verify import verify_store
from tests.damaged import KINDS, build_store, everything, flip, objects


def outcome(url: str, expected: list[bytes]) -> str:
    """What reading all of a store gives: the same, other numbers, or an error."""
    try:
        return "same" if everything(url) == expected else "other"
    except StorageError:
        return "raised"
    except BaseException as error:
        if not is_panic(error):
            raise
        return "raised"


def flip_all_kinds(home: Path, flips: int) -> Counter[tuple[str, str, bool]]:
    """Flip one bit at a time; count (kind, what reading gave, found by verify)."""
    store = build_store(home, sites=1)
    url, expected = store.url, everything(store.url)
    before = verify_store(url)
    assert before.findings == []
    assert before.counts["shards"] == 2
    rng, seen = random.Random(7), Counter[tuple[str, str, bool]]()
    for kind in KINDS:
        every = objects(Path(url), kind)
        for i in range(flips):
            path = every[-1] if i % 2 else rng.choice(every)
            kept = path.read_bytes()
            flip(path, rng)
            read = outcome(url, expected)
            seen[kind, read, verified(url)] += 1
            path.write_bytes(kept)
    assert outcome(url, expected) == "same"
    return seen


def verified(url: str) -> bool:
    """Whether `verify` finds anything."""
    try:
        return verify_store(url).exit_code == 1
    except NotFound:  # a store whose branch is gone is no store: status 2
        return True


def check(seen: Counter[tuple[str, str, bool]], flips: int) -> None:
    assert sum(seen.values()) == flips * len(KINDS)
    assert {k: n for k, n in seen.items() if k[1] == "other"} == {}
    assert {k: n for k, n in seen.items() if k[1:] == ("raised", False)} == {}
    assert seen["chunks", "raised", True] == flips
    assert min(seen[kind, "raised", True] for kind in ("manifests", "snapshots")) > 0


def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path: Path) -> None:
    seen = flip_all_kinds(tmp_path, 8)
    check(seen, 8)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_none_of_a_thousand_flipped_bits_is_silent(tmp_path: Path) -> None:
    seen = flip_all_kinds(tmp_path, 200)
    check(seen, 200)
