"""What became of each version is counted, and nothing is counted twice."""

from collections import defaultdict

import numpy as np
import pytest

from stats.accounts import SiteAccount, site_accounts
from stats.ledger import ShardLedger
from tests.ledgers import entry, manifest, naive_winners

_RANGES = ((1, 4), (1, 5), (1, 3), (0, 2))


def _naive(entries):
    """Loops over a set of entries."""
    known = set(entries)
    out = []
    for site in sorted({one.site for one in known}):
        mine = [one for one in known if one.site == site]
        keys = defaultdict(list)
        for one in mine:
            keys[one.key].append(one)
        counts = defaultdict(int)
        for group in keys.values():
            top = max(one.version for one in group)
            for one in group:
                twins = [o for o in group if o.version == one.version]
                counts["contradicted"] += len(twins) > 1
                earlier = (o for o in group if o.version < one.version)
                counts["repeated"] += any(o.sha256 == one.sha256 for o in earlier)
                if one.version != top:
                    counts["superseded"] += 1
                elif len(twins) > 1:
                    counts["quarantined"] += 1
                else:
                    gone = one.kind == "retraction"
                    counts["retracted" if gone else "applied"] += 1
        states = ("applied", "superseded", "retracted", "quarantined")
        numbers = (counts[s] for s in (*states, "repeated", "contradicted"))
        epochs = tuple(sorted({one.epoch for one in mine}))
        out.append(SiteAccount(site, len(mine), *numbers, epochs))
    return tuple(out)


@pytest.mark.parametrize("seed", range(8))
def test_accounts_are_those_of_plain_loops(seed):
    rng = np.random.default_rng(seed)
    entries = []
    for _ in range(60):
        kind = "retraction" if rng.random() < 0.2 else "data"
        k, seq, content, epoch = (int(rng.integers(*of)) for of in _RANGES)
        site = ("a", "bb", "é")[rng.integers(3)]
        entries.append(entry(site, k, seq, content, epoch=epoch, kind=kind))
    found = site_accounts(ShardLedger.from_entries(entries))
    assert found == _naive(entries)
    for one in found:
        states = one.applied, one.superseded, one.retracted, one.quarantined
        assert sum(states) == one.versions
    again = [entries[i] for i in rng.permutation(np.repeat(np.arange(60), 2))]
    assert site_accounts(ShardLedger.from_entries(again)) == found


def test_each_state_has_its_case():
    entries = [
        entry(seq=1), entry(seq=2, content=2), entry(seq=3),
        entry(k=2, seq=4), entry(k=2, seq=5, kind="retraction"),
        entry(k=3, seq=6), entry(k=3, seq=6, content=2), manifest(k=3, seq=7),
    ]  # fmt: skip
    (found,) = site_accounts(ShardLedger.from_entries(entries))
    # In the first key version 3 says again what 1 said; in the second the retraction.
    assert found == SiteAccount("a", 8, 2, 3, 1, 2, 2, 2, (0,))
    ledger = ShardLedger.from_entries(entries)
    for row, state in zip(ledger.entries(), ledger.states().tolist(), strict=True):
        _, spoilt = naive_winners(entries)
        assert (state == "quarantined") == (row in spoilt)


def test_nothing_known_gives_no_account():
    assert site_accounts(ShardLedger.from_entries()) == ()
    assert ShardLedger.from_entries().states().shape == (0,)
