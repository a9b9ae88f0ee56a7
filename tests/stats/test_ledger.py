"""The ledger is a lattice: what arrived decides, never how or when."""

from collections import defaultdict
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import strategies as st

from stats.ledger import LedgerEntry, ShardLedger
from stats.summary import InvalidInput
from tests.laws import check_laws


def _entry(site="a", night=1, seq=1, content=1, epoch=0, kind="data", n=5):
    sha = f"{content:064x}"
    return LedgerEntry("d", site, f"2013-03-{night:02d}", "0", epoch, seq, sha, kind, n)


ENTRIES = st.lists(
    st.builds(
        _entry,
        site=st.sampled_from(["a", "bb", "é"]),
        night=st.integers(1, 2),
        seq=st.integers(1, 3),
        content=st.integers(1, 2),
        epoch=st.integers(0, 1),
        kind=st.sampled_from(["data", "retraction", "manifest"]),
        n=st.integers(0, 2),
    ),
    max_size=8,
)


def test_the_ledger_keeps_the_laws_of_a_lattice():
    check_laws(
        st.tuples(ENTRIES, ENTRIES, ENTRIES), ShardLedger.from_entries,
        lambda a, b: a + b, ShardLedger.from_arrays, lattice=True,
    )  # fmt: skip


def _naive_winners(entries):
    """A dict of sets: key -> version -> contents."""
    known = defaultdict(lambda: defaultdict(set))
    for entry in entries:
        known[entry.key][entry.version].add(entry)
    winners, spoilt = [], []
    for versions in known.values():
        top = versions[max(versions)]
        if len(top) > 1:
            spoilt.extend(top)
        elif next(iter(top)).kind == "data":
            winners.extend(top)
    return tuple(sorted(winners)), tuple(sorted(spoilt))


def _messages(rng):
    """81 versions: corrections, retractions, a rebuild and equivocations."""
    out = []
    for site in "abc":
        for night in range(1, 8):
            last = int(rng.integers(1, 5))
            for seq in range(1, last + 1):
                kind = "retraction" if rng.random() < 0.1 else "data"
                content = int(rng.integers(1, 2**40))
                out.append(_entry(site, night, seq, content, kind=kind))
                if rng.random() < 0.15:
                    out.append(replace(out[-1], sha256=f"{content + 1:064x}"))
        out.append(_entry(site, 3, 1, 7, epoch=1))
    return out


def _deliver(messages, rng):
    """Three replicas: delays, duplicates, a split, partial merges, then a heal."""
    replicas = [ShardLedger.from_entries() for _ in range(3)]
    deliveries = [(int(r), m) for m in messages for r in rng.integers(0, 3, 2)]
    for at in np.array_split(rng.permutation(len(deliveries)), 5):
        for r in range(3):
            batch = [deliveries[i][1] for i in at if deliveries[i][0] == r]
            replicas[r] = replicas[r].merge(ShardLedger.from_entries(batch + batch[:2]))
        to, source = rng.choice(3, 2, replace=False)
        some = [e for e in replicas[source].entries() if rng.random() < 0.5]
        replicas[to] = replicas[to].merge(ShardLedger.from_entries(some))
    healed = replicas[0].merge(replicas[1]).merge(replicas[2])
    return [healed.merge(replica) for replica in replicas]


def test_schedules_of_partial_merges_give_one_digest():
    messages = _messages(np.random.default_rng(0))
    digests = set()
    for seed in range(60):
        replicas = _deliver(messages, np.random.default_rng(seed))
        digests |= {replica.digest() for replica in replicas}
    whole = ShardLedger.from_entries(messages)
    assert digests == {whole.digest()}
    winners, spoilt = _naive_winners(messages)
    assert (whole.winners(), whole.quarantined()) == (winners, spoilt)
    assert winners
    assert spoilt


@pytest.mark.parametrize("seed", range(5))
def test_what_counts_equals_a_dict_of_sets_at_every_stage(seed):
    rng = np.random.default_rng(seed)
    messages = _messages(rng)
    for size in rng.integers(0, len(messages), 10):
        part = [messages[i] for i in rng.permutation(len(messages))[:size]]
        ledger = ShardLedger.from_entries(part)
        assert (ledger.winners(), ledger.quarantined()) == _naive_winners(part)
        assert ledger.entries() == tuple(sorted(set(part)))


def test_the_highest_version_wins_by_epoch_then_sequence():
    old, new = _entry(seq=9), _entry(seq=1, epoch=1, content=2)
    ledger = ShardLedger.from_entries([new, old])
    assert ledger.winners() == (new,)
    assert ledger.superseded() == (old,)


def test_equivocation_quarantines_the_key_and_a_higher_version_heals_it():
    one, two = _entry(seq=2, content=1), _entry(seq=2, content=2)
    other = _entry(night=2)
    ledger = ShardLedger.from_entries([_entry(seq=1, content=9), one, two, other])
    assert ledger.winners() == (other,)
    assert ledger.quarantined() == (one, two)
    fixed = _entry(seq=3, content=3)
    healed = ledger.merge(ShardLedger.from_entries([fixed]))
    assert healed.winners() == (fixed, other)
    assert healed.quarantined() == ()
    assert healed.equivocations() == (one, two)


def test_one_hash_with_two_headers_is_an_equivocation_too():
    ledger = ShardLedger.from_entries([_entry(n=5), _entry(n=6)])
    assert ledger.winners() == ()
    assert len(ledger.quarantined()) == 2


def test_a_retraction_makes_the_key_count_for_nothing():
    gone = _entry(seq=2, content=2, kind="retraction", n=0)
    ledger = ShardLedger.from_entries([_entry(), gone])
    assert ledger.winners() == ()
    assert ledger.quarantined() == ()
    again = _entry(seq=3, content=3)
    assert ledger.merge(ShardLedger.from_entries([again])).winners() == (again,)


@pytest.mark.parametrize("field", range(9))
def test_the_digest_covers_every_field(field):
    base = _entry(seq=3)
    other = ["e", "s", "2014-01-01", "1", 1, 4, "f" * 64, "manifest", 6]
    values = list(astuple(base))
    values[field] = other[field]
    changed = ShardLedger.from_entries([LedgerEntry(*values)])
    assert changed.digest() != ShardLedger.from_entries([base]).digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 2**31}, "version"),
        ({"seq": 2**53}, "version"),
        ({"seq": -1}, "version"),
        ({"sha256": "F" * 64}, "sha256"),
        ({"sha256": "0" * 63}, "sha256"),
        ({"kind": "rumour"}, "rumour"),
        ({"n": -1}, "n -1"),
        ({"site": "a\0"}, "NUL"),
    ],
)
def test_what_no_site_may_announce_is_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        replace(_entry(), **change)


def test_damaged_arrays_are_refused():
    good = ShardLedger.from_entries([_entry(), _entry(night=2)]).to_arrays()
    for name, bad in [
        ("seq", good["seq"][:1]),
        ("seq", good["seq"] * 0 - 1),
        ("site", good["site"] + 1),
        ("site", good["site"] - 1),
        ("sha256", good["sha256"][:, :31]),
        ("kind.labels", good["night.labels"]),
    ]:
        with pytest.raises(InvalidInput):
            ShardLedger.from_arrays({**good, name: bad})
    del good["n"]
    with pytest.raises(InvalidInput, match="n"):
        ShardLedger.from_arrays(good)


def test_a_ledger_prints_n_first():
    ledger = ShardLedger.from_entries([_entry(), _entry(content=2), _entry(night=2)])
    assert repr(ledger) == "ShardLedger: n=3 | keys=2 | quarantined=1"
    assert len(ledger) == 3
