"""Lies about what was sent, not about what was seen: the ledger takes them away.

Announced shards go through the ledger, what counts into exact sums of every source,
and these to the decision.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from stats.byzantine import STATUSES, decide
from stats.evidence import EvidenceSums
from stats.ledger import LedgerEntry, ShardLedger

SOURCES = tuple(f"s{i}" for i in range(7))
F, AGENTS, HYPOTHESES = 2, 3, 2
LIARS = SOURCES[:F]
Shard = tuple[LedgerEntry, np.ndarray]


def shard(source: str, rows: np.ndarray, part: int = 0, seq: int = 1, epoch: int = 0):
    """Rows: agent, log-likelihood of hypothesis 0; that of 1 is 0."""
    sha = hashlib.sha256(rows.tobytes()).hexdigest()
    entry = LedgerEntry(
        "evidence", source, "2026-11-24", str(part), epoch, seq, sha, "data", len(rows)
    )
    return entry, rows


def night(rng: np.random.Generator, parts: int = 3) -> list[Shard]:
    """Everybody is sure of hypothesis 0 for every agent."""
    agents = np.repeat(np.arange(AGENTS), 2)
    return [
        shard(s, np.c_[agents, 3.0 + rng.random(len(agents))], part)
        for s in SOURCES
        for part in range(parts)
    ]


def counted(delivered: list[Shard]) -> tuple[np.ndarray, ShardLedger]:
    """Beliefs (agents, sources, h) by what counts, and the ledger it is taken from."""
    ledger = ShardLedger.from_entries(entry for entry, _ in delivered)
    rows = {entry.sha256: found for entry, found in delivered}
    ratio, group = [np.zeros(0)], [np.zeros(0, np.int64)]
    for entry in ledger.winners():
        if entry.site in SOURCES:  # who has no key here is not heard
            agent, value = rows[entry.sha256].T
            ratio.append(value)
            group.append(agent.astype(int) * len(SOURCES) + SOURCES.index(entry.site))
    cells = AGENTS * len(SOURCES)
    values = np.concatenate(ratio)
    sums = EvidenceSums.from_block(
        values,
        1.0,
        np.concatenate(group),
        cells,
        hypotheses=np.zeros(len(values), int),
        n_hypotheses=HYPOTHESES,
    )
    heard = sums.n.sum(axis=1) > 0
    beliefs = np.where(heard[:, None], sums.log_ratio(), np.nan)
    return beliefs.reshape(AGENTS, len(SOURCES), HYPOTHESES), ledger


LIE = np.c_[np.arange(AGENTS), np.full(AGENTS, -1e6)]


def equivocate(sent: list[Shard]) -> list[Shard]:
    """Tell two readers two stories under one number."""
    return [*sent, *(shard(s, LIE) for s in LIARS)]


def replay(sent: list[Shard]) -> list[Shard]:
    """Send everything of one's own, and of others, a thousand times."""
    return sent * 1_000


def stale_epoch(sent: list[Shard]) -> list[Shard]:
    """Correct, then send the old version as if it were new."""
    old = [shard(s, LIE, seq=9) for s in LIARS]
    told = [s for s in sent if s[0].site in LIARS]
    new = [shard(e.site, rows, int(e.part), epoch=1) for e, rows in told]
    return [*sent, *new, *old]


def sybil(sent: list[Shard]) -> list[Shard]:
    """Speak under fifty more names."""
    return [*sent, *(shard(f"x{i}", LIE) for i in range(50))]


@pytest.mark.parametrize("attack", [replay, stale_epoch, sybil])
def test_what_was_only_repeated_aged_or_unknown_changes_no_bit(attack):
    rng = np.random.default_rng(1)
    sent = night(rng)
    expected, _ = counted(sent)
    delivered = attack(sent)
    rng.shuffle(delivered)
    got, ledger = counted(delivered)
    assert got.tobytes() == expected.tobytes()
    assert ledger.equivocations() == ()
    assert [STATUSES[s] for s in decide(got, F).status] == ["certified"] * AGENTS


def test_two_stories_silence_their_teller_and_prove_who_it_was():
    rng = np.random.default_rng(2)
    sent = night(rng, parts=1)
    expected, _ = counted(sent)
    delivered = equivocate(sent)
    rng.shuffle(delivered)
    got, ledger = counted(delivered)
    assert {entry.site for entry in ledger.equivocations()} == set(LIARS)
    assert np.isnan(got[:, :F]).all()
    assert got[:, F:].tobytes() == expected[:, F:].tobytes()
    found = decide(got, F)
    assert found.hypothesis.tolist() == [0] * AGENTS
    assert found.sources.tolist() == [len(SOURCES) - F] * AGENTS


def test_f_sources_that_leave_out_what_they_saw_prevent_nothing_and_more_do():
    sent = night(np.random.default_rng(3))
    for silent, status in ((F, "certified"), (F + 1, "quorum lost")):
        kept = [s for s in sent if s[0].site not in SOURCES[:silent]]
        found = decide(counted(kept)[0], F)
        assert [STATUSES[s] for s in found.status] == [status] * AGENTS


def test_an_honest_busy_source_is_never_accused():
    """1,000 runs: one source sends fifty times as much, all of it up to three times."""
    accused = 0
    for seed in range(1_000):
        rng = np.random.default_rng([4, seed])
        entries = [entry for entry, _ in night(rng, parts=1)]
        busy = [shard("s0", rng.random((1, 2)), part)[0] for part in range(1, 51)]
        delivered = (entries + busy) * int(rng.integers(1, 4))
        rng.shuffle(delivered)
        ledger = ShardLedger.from_entries(delivered)
        accused += bool(ledger.equivocations()) or bool(ledger.quarantined())
        assert len(ledger.winners()) == len(SOURCES) + 50
    assert accused == 0
