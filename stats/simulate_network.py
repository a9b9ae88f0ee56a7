"""A seeded network that loses, delays, repeats and cuts, in virtual time.

No threads and no sleeping: a heap of events, so that a seed that failed fails again.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from stats.nights import DAY
from stats.simulate_replica import SimulatedReplica
from stats.simulate_versions import HOUR, Message, VersionParams, issue_versions
from stats.summary import InvalidInput

__all__ = ["Network", "NetworkParams", "simulate", "undisturbed"]

Make = Callable[[int, int], SimulatedReplica]
Watch = Callable[["Network"], None]


@dataclass(frozen=True, slots=True)
class NetworkParams:
    """What the network does to messages, and how often.

    Attributes
    ----------
    replicas : int
    lose, duplicate : float
        Per copy: probability that it is lost, and that one more is sent.
    delay : float
        Mean hours on the way; messages overtake each other.
    cuts, crashes, exchanges, commits, resends, reads : int
        How often it happens while messages are issued; each commit is of one replica.
    skew : float
        Hours by which clocks of sites may differ.

    Raises
    ------
    InvalidInput
        For no replica, a count below 0 or a probability outside [0, 1).
    """

    replicas: int = 3
    lose: float = 0.25
    duplicate: float = 0.3
    delay: float = 10.0
    cuts: int = 2
    crashes: int = 2
    exchanges: int = 6
    commits: int = 8
    resends: int = 4
    reads: int = 0
    skew: float = 24.0

    def __post_init__(self) -> None:
        counts = (self.cuts, self.crashes, self.exchanges, self.commits, self.resends)
        chances = (self.lose, self.duplicate)
        good = self.replicas >= 1 and min(*counts, self.reads) >= 0
        if not (good and all(0.0 <= p < 1.0 for p in chances)):
            raise InvalidInput(
                f"NetworkParams: {self.replicas} replicas, counts {counts}, "
                f"probabilities {chances}. Give at least one replica, counts of 0 or "
                "more and probabilities in [0, 1)."
            )


@dataclass(slots=True, eq=False)
class Network:
    """A network while it runs, and what happened in it.

    Attributes
    ----------
    messages : tuple of Message
    replicas : list of SimulatedReplica
    now : int
        Nanoseconds UTC.
    happened : Counter of str
        Copies ``sent``, ``lost``, ``cut off``, ``overtaken`` and ``delivered``;
        deliveries that were a ``duplicate``; cuts into ``groups 2`` to ``groups 5``,
        ``heal``, ``crash``, ``exchange``.
    """

    messages: tuple[Message, ...]
    replicas: list[SimulatedReplica]
    params: NetworkParams
    rng: np.random.Generator
    watch: Watch | None = None
    now: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    _events: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _group: dict[str, int] = field(default_factory=dict)
    _newest: dict[tuple[int, str], int] = field(default_factory=dict)
    _n: int = 0

    def run(self) -> None:
        """Let everything happen, heal, and send again what is missing anywhere."""
        self._plan()
        while self._events:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self._heal()
        self._settle()

    def _at(self, when: int, action: Callable[[], None]) -> None:
        self._n += 1
        heapq.heappush(self._events, (when, self._n, action))

    def _plan(self) -> None:
        """Put what will happen on the heap: issues, and disturbances between them."""
        params, rng = self.params, self.rng
        skew = {
            site: int(rng.uniform(-1, 1) * params.skew * HOUR)
            for site in sorted({m.entry.site for m in self.messages})
        }
        for message in self.messages:
            when = message.at + skew[message.entry.site]
            self._at(when, partial(self._issue, message))
        times = [when for when, *_ in self._events]
        first, last = min(times), max(times) + DAY
        plan: list[tuple[Callable[[], None], int]] = [
            (self._cut, params.cuts), (self._crash, params.crashes),
            (self._commit, params.commits), (self._exchange, params.exchanges),
            (self._resend, params.resends), (self._read, params.reads),
        ]  # fmt: skip
        for action, count in plan:
            for when in rng.integers(first, last, size=count).tolist():
                self._at(when, action)
        for when in rng.integers(first, last, size=params.cuts).tolist():
            self._at(when, self._heal)

    def _issue(self, message: Message) -> None:
        for replica in range(len(self.replicas)):
            self._send(message, replica)

    def _send(self, message: Message, replica: int) -> None:
        """Put copies on the way; each may be lost, and takes its own time."""
        rng, copies = self.rng, 1
        while rng.random() < self.params.duplicate:
            copies += 1
        self.happened["sent"] += copies
        for _ in range(copies):
            if rng.random() < self.params.lose:
                self.happened["lost"] += 1
                continue
            delay = int(rng.exponential(self.params.delay) * HOUR)
            self._at(self.now + delay, partial(self._arrive, message, replica))

    def _arrive(self, message: Message, replica: int) -> None:
        if self._apart(f"r{replica}", message.entry.site):
            self.happened["cut off"] += 1
            return
        place = replica, message.entry.site
        self.happened["overtaken"] += message.at < self._newest.get(place, 0)
        self._newest[place] = max(self._newest.get(place, 0), message.at)
        self._deliver(message, self.replicas[replica])

    def _deliver(self, message: Message, replica: SimulatedReplica) -> None:
        self.happened["delivered"] += 1
        self.happened["duplicate"] += message.entry in replica.known
        replica.receive(message)

    def _apart(self, one: str, other: str) -> bool:
        return self._group.get(one, 0) != self._group.get(other, 0)

    def _cut(self) -> None:
        """Every site and replica lands in one of 2 to 5 groups."""
        groups = int(self.rng.integers(2, 6))
        self.happened[f"groups {groups}"] += 1
        nodes = sorted({m.entry.site for m in self.messages})
        nodes += [f"r{i}" for i in range(len(self.replicas))]
        where = self.rng.permutation(len(nodes)) % groups
        self._group = dict(zip(nodes, where.tolist(), strict=True))

    def _heal(self) -> None:
        self.happened["heal"] += bool(self._group)
        self._group = {}

    def _commit(self) -> None:
        self._any().commit()

    def _crash(self) -> None:
        self.happened["crash"] += 1
        self._any().crash(self.rng)

    def _resend(self) -> None:
        """A site sends again what it has no acknowledgement of."""
        issued = [m for m in self.messages if m.at <= self.now]
        for i, replica in enumerate(self.replicas):
            for message in issued:
                if not replica.acknowledged(message) and self.rng.random() < 0.5:
                    self._send(message, i)

    def _exchange(self) -> None:
        """One replica passes some of what it knows on to another."""
        pair = self.rng.integers(len(self.replicas), size=2).tolist()
        if pair[0] == pair[1] or self._apart(f"r{pair[0]}", f"r{pair[1]}"):
            return
        self.happened["exchange"] += 1
        giver, taker = (self.replicas[i] for i in pair)
        for message in list(giver.known.values()):
            if self.rng.random() < 0.7:
                self._deliver(message, taker)

    def _read(self) -> None:
        if self.watch is not None:
            self.watch(self)

    def _any(self) -> SimulatedReplica:
        return self.replicas[int(self.rng.integers(len(self.replicas)))]

    def _settle(self) -> None:
        """Send what is missing until every replica has it for good."""
        for replica in self.replicas:
            replica.commit()
            while missing := [m for m in self.messages if not replica.acknowledged(m)]:
                for i in self.rng.permutation(len(missing)).tolist():
                    if self.rng.random() >= self.params.lose:
                        self._deliver(missing[i], replica)
                replica.commit()


def simulate(
    seed: int,
    versions: VersionParams | None = None,
    network: NetworkParams | None = None,
    *,
    make: Make = SimulatedReplica,
    watch: Watch | None = None,
) -> Network:
    """Run one schedule to its end.

    Parameters
    ----------
    seed : int
        Everything follows from it.
    versions : VersionParams, optional
    network : NetworkParams, optional
    make : callable, optional
        Makes a replica from the numbers of sites and features; to try a wrong one.
    watch : callable, optional
        Called with the network whenever somebody reads.

    Returns
    -------
    Network
        Healed: every replica has received every message.

    Examples
    --------
    >>> found = simulate(1)
    >>> len({replica.digests() for replica in found.replicas})
    1
    """
    versions = VersionParams() if versions is None else versions
    network = NetworkParams() if network is None else network
    rng = np.random.default_rng(seed)
    messages = issue_versions(versions, rng)
    size = versions.sites, versions.features
    replicas = [make(*size) for _ in range(network.replicas)]
    running = Network(messages, replicas, network, rng, watch)
    running.run()
    return running


def undisturbed(messages: Sequence[Message], *size: int) -> SimulatedReplica:
    """Return a replica that received everything once, in the order of issue.

    Parameters
    ----------
    messages : sequence of Message
    *size : int
        Numbers of sites and of features.
    """
    replica = SimulatedReplica(*size)
    for message in messages:
        replica.receive(message)
    replica.commit()
    return replica
