"""Growing version by version gives the same ledger, and says what became of each."""

import dataclasses

import numpy as np
import pytest

from stats.ledger import Outcome, ShardLedger
from stats.live_ledger import LiveLedger
from tests.ledgers import entry, manifest, naive_winners, night

_RANGES = ((1, 4), (1, 5), (1, 3), (0, 2))


def _random_messages(rng, n=40):
    out = []
    for _ in range(n):
        kind = "retraction" if rng.random() < 0.2 else "data"
        k, seq, content, epoch = (int(rng.integers(*of)) for of in _RANGES)
        site = "ab"[rng.integers(2)]
        out.append(entry(site, k, seq, content, epoch=epoch, kind=kind))
    return out


@pytest.mark.parametrize("seed", range(6))
def test_both_ledgers_say_the_same_of_every_arrival(seed):
    messages = _random_messages(np.random.default_rng(seed))
    live, value = LiveLedger(), ShardLedger.from_entries()
    seen = set()
    for i, message in enumerate(messages):
        outcome = live.apply(message)
        value, same = value.apply(message)
        assert outcome is same
        assert (outcome is Outcome.DUPLICATE) == (message in seen)
        seen.add(message)
        winners, spoilt = naive_winners(messages[: i + 1])
        assert (outcome is Outcome.QUARANTINED) <= (message in spoilt)
        counts = {one.key: one for one in winners}
        for one in messages:
            assert live.winner(one.key) == counts.get(one.key)
    assert live.freeze().digest() == value.digest()
    assert len(live) == len(seen) == len(value)
    assert {o.value for o in Outcome} == {
        "applied", "duplicate", "superseded", "retracted", "quarantined"
    }  # fmt: skip


def test_each_outcome_has_its_case():
    live = LiveLedger()
    assert live.apply(entry(seq=2)) is Outcome.APPLIED
    assert live.apply(entry(seq=2)) is Outcome.DUPLICATE
    assert live.apply(entry(seq=1)) is Outcome.SUPERSEDED
    assert live.apply(entry(seq=1, content=2)) is Outcome.SUPERSEDED
    assert live.apply(entry(seq=2, content=2)) is Outcome.QUARANTINED
    assert live.apply(entry(seq=2, content=2)) is Outcome.DUPLICATE
    assert live.apply(entry(seq=3, kind="retraction")) is Outcome.RETRACTED
    assert live.apply(manifest(seq=4)) is Outcome.APPLIED
    assert live.winner(("d", "a", night(1), "0")) is None
    assert repr(live) == "LiveLedger: n=6 | keys=2"


def test_a_long_note_does_not_widen_the_other_rows():
    void = tuple(range(1, 3_000))
    rows = [entry(k=k, seq=k) for k in range(1, 200)]
    plain, noted = (
        ShardLedger.from_entries([*rows, manifest(seq=5_000, void=numbers)])
        for numbers in ((), void)
    )
    size = [sum(c.nbytes for c in one.columns.values()) for one in (plain, noted)]
    assert size[0] == size[1]
    assert ShardLedger.from_arrays(noted.to_arrays()).digest() == noted.digest()
    assert ShardLedger.from_entries(noted.entries()).digest() == noted.digest()


def test_the_digest_covers_time_and_note():
    base = ShardLedger.from_entries([entry()]).digest()
    for changed in ({"event_end": 7}, {"note": '{"deps":["b/0-1"]}'}):
        other = dataclasses.replace(entry(), **changed)
        assert ShardLedger.from_entries([other]).digest() != base
