"""Whatever the network does, replicas end equal; and a wrong replica is found out."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from stats.ledger import Outcome
from stats.simulate_network import NetworkParams, simulate, undisturbed
from stats.simulate_replica import SimulatedReplica, Totals
from stats.simulate_versions import VersionParams, issue_versions
from stats.summary import Incompatible, InvalidInput
from tests.ledgers import naive_winners

SMALL = VersionParams(nights=3)
SIZE = SMALL.sites, SMALL.features


def differing(seed, versions=SMALL, make=SimulatedReplica):
    """What happened, and how many answers there are; honest is 1, the reference's."""
    network = simulate(seed, versions, make=make)
    size = versions.sites, versions.features
    answers = {replica.digests() for replica in network.replicas}
    return network, answers | {undisturbed(network.messages, *size).digests()}


def run(seeds, versions=SMALL):
    happened: Counter[str] = Counter()
    for seed in seeds:
        network, answers = differing(seed, versions)
        assert len(answers) == 1, f"seed {seed}: {len(answers)} answers"
        happened += network.happened
        ledger = network.replicas[0].value()
        happened["quarantined"] += len(ledger.quarantined())
        kinds = Counter(entry.kind for entry in ledger.entries())
        happened.update(kinds)
        happened["epochs"] += bool((ledger.columns["epoch"] > 0).any())
    return happened


DISTURBANCES = (
    "lost", "cut off", "overtaken", "duplicate", "crash", "exchange", "heal",
    "groups 2", "groups 3", "groups 4", "groups 5", "quarantined", "retraction",
    "manifest", "epochs",
)  # fmt: skip


def test_two_hundred_schedules_end_in_one_digest():
    happened = run(range(200))
    assert all(happened[name] >= 20 for name in DISTURBANCES), happened
    assert happened["duplicate"] < happened["delivered"] < happened["sent"] * 2


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_ten_thousand_schedules_end_in_one_digest():
    happened = run(range(10_000, 20_000), VersionParams())
    assert all(happened[name] >= 1_000 for name in DISTURBANCES), happened
    print(json.dumps(happened))  # noqa: T201 - the numbers are the result


@pytest.mark.parametrize("seed", range(5))
def test_the_reference_is_that_of_sets_and_fractions(seed):
    messages = issue_versions(SMALL, np.random.default_rng(seed))
    replica = undisturbed(messages, *SIZE)
    winners, spoilt = naive_winners([m.entry for m in messages])
    ledger = replica.value()
    assert (ledger.winners(), ledger.quarantined()) == (winners, spoilt)
    values = {m.entry: m.values for m in messages}
    moments = replica.totals._moments
    sites, features = (range(n) for n in SIZE)
    for site, feature in itertools.product(sites, features):
        mine = [e for e in winners if e.site == f"s{site}"]
        cells = [x for e in mine for x in values[e][:, feature] if not np.isnan(x)]
        assert moments.count[site, feature] == len(cells)
        if cells:
            exact = sum(map(Fraction, cells)) / len(cells)
            assert moments.mean()[site, feature] == float(exact)


class Repeats(SimulatedReplica):
    """A version that comes again counts again."""

    def receive(self, message):
        again = message.entry in self.known
        super().receive(message)
        if again and self.winner(message.entry.key) == message.entry:
            self.totals.change([], [message])


class LastArrival(SimulatedReplica):
    """What came last counts."""

    def receive(self, message):
        super().receive(message)
        self.last = {**getattr(self, "last", {}), message.entry.key: message.entry}

    def winner(self, key):
        found = self.last[key]
        return found if found.kind == "data" else None


class Floats(Totals):
    """Sums of floats, in the order in which versions are counted."""

    def __init__(self, sites, features):
        self.sums = np.zeros((sites, features))

    def change(self, removed, added):
        for sign, messages in ((-1, removed), (1, added)):
            for message in messages:
                for row in np.nan_to_num(message.values):
                    self.sums[int(message.entry.site[1:])] += sign * row

    def digest(self):
        return self.sums.tobytes().hex()


class FloatSums(SimulatedReplica):
    def _totals(self):
        return Floats(*self._shape)


class NeverTakenOut(SimulatedReplica):
    """A correction is added, and what it corrects stays in."""

    def _totals(self):
        totals = super()._totals()
        change = totals.change
        totals.change = lambda removed, added: change([], added)
        return totals


class FirstContent(SimulatedReplica):
    """Of two contents of a version, the one that came first counts."""

    def receive(self, message):
        entry = message.entry
        claimed = [
            e for e in self.known if (e.key, e.version) == (entry.key, entry.version)
        ]
        if not claimed:
            super().receive(message)
        else:
            self.known[entry] = message


class OneEpoch(SimulatedReplica):
    """The highest number counts, whichever epoch it is of."""

    def winner(self, key):
        mine = [e for e in self.known if e.key == key]
        top = [e for e in mine if e.seq == max(e.seq for e in mine)]
        return top[0] if len(top) == 1 and top[0].kind == "data" else None


class GoneIsAbsent(SimulatedReplica):
    """A retraction is as if nothing had come."""

    def receive(self, message):
        if message.entry.kind == "retraction":
            self.known[message.entry] = message
        else:
            super().receive(message)


class Longest(SimulatedReplica):
    """The content with most rows counts."""

    def winner(self, key):
        mine = [e for e in self.known if e.key == key and e.kind == "data"]
        return max(mine, key=lambda e: (e.n, e), default=None)


class TwoCommits(SimulatedReplica):
    """The ledger is made to last first, the sums later: a crash comes between."""

    def crash(self, rng):
        for message in self._pending:
            self._log.append(message)
        totals = self.totals
        super().crash(rng)
        self.totals = totals


class Forgets(SimulatedReplica):
    """What was acknowledged before it was committed is gone after a crash."""

    def acknowledged(self, message):
        self.told = {*getattr(self, "told", ()), *self.known}
        return message.entry in self.told


def caught(make, seeds):
    """First seed at which it fails, or not all answers are the honest one's."""
    for seed in seeds:
        try:
            if len(differing(seed, make=make)[1]) > 1:
                return seed
        except Incompatible:  # took out what it had not put in
            return seed
    return None


MUTANTS = (
    Repeats, LastArrival, FloatSums, NeverTakenOut, FirstContent, OneEpoch,
    GoneIsAbsent, Longest, TwoCommits, Forgets,
)  # fmt: skip


@pytest.mark.parametrize("make", MUTANTS, ids=lambda m: m.__name__)
def test_the_check_finds_every_wrong_replica(make):
    assert caught(make, range(12)) is not None, f"{make.__name__} was never found out"


def test_float_sums_differ_between_replicas_of_one_network():
    """Not only from the exact sums: their own answers are several."""
    network, _ = differing(3, make=FloatSums)
    assert len({replica.digests()[1] for replica in network.replicas}) > 1
    assert len({replica.digests()[0] for replica in network.replicas}) == 1


def test_a_schedule_can_be_run_again():
    one, two = (simulate(7, SMALL) for _ in range(2))
    assert one.happened == two.happened
    assert [m.entry for m in one.messages] == [m.entry for m in two.messages]
    assert simulate(8, SMALL).happened != one.happened


def test_a_calm_network_does_nothing_to_messages():
    calm = NetworkParams(2, 0.0, 0.0, 0.0, 0, 0, 0, 0, 0, skew=0.0)
    network = simulate(1, SMALL, calm)
    n = 2 * len(network.messages)
    assert +network.happened == Counter(sent=n, delivered=n)
    outcomes = {network.replicas[0].ledger.apply(m.entry) for m in network.messages}
    assert outcomes == {Outcome.DUPLICATE}


@pytest.mark.parametrize("make", [VersionParams, NetworkParams])
def test_what_cannot_be_is_refused(make):
    counts = {VersionParams: ("sites", "rows"), NetworkParams: ("replicas",)}
    chances = {VersionParams: ("correct",), NetworkParams: ("lose", "duplicate")}
    for name in counts[make]:
        with pytest.raises(InvalidInput):
            make(**{name: 0})
    for name in chances[make]:
        with pytest.raises(InvalidInput):
            make(**{name: 1.5})
