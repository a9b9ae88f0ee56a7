"""Which sources hear each other, and what each side of a partition knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from stats.staleness import PartitionState
from stats.summary import InvalidInput
from tasks.online_replicas import Replica

__all__ = ["Sides"]

Group = frozenset[str]
_REST: Group = frozenset()


@dataclass(slots=True)
class Sides:
    """Groups of sources that hear each other; the empty group holds all others.

    Attributes
    ----------
    events : int
        How often the network was cut.
    concurrent : int
        How often two sides that joined each knew something the other did not.
    """

    events: int = 0
    concurrent: int = 0
    _known: dict[Group, Replica] = field(default_factory=lambda: {_REST: Replica()})
    _expected: dict[str, None] = field(default_factory=dict)
    _healing: bool = False

    @property
    def expected(self) -> tuple[str, ...]:
        """Sources that are expected, in the order in which they were named."""
        return tuple(self._expected)

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """What each side knows."""
        return tuple(self._known.values())

    @property
    def state(self) -> PartitionState:
        """Connected when there is one side."""
        if len(self._known) == 1:
            return PartitionState.CONNECTED
        return PartitionState.HEALING if self._healing else PartitionState.PARTITIONED

    def expect(self, source: str) -> None:
        """Count a source as missing until it is heard.

        Raises
        ------
        InvalidInput
            For a name that is empty.
        """
        if not source:
            raise InvalidInput("create_partition: the name is empty. Give it a name.")
        self._expected[source] = None

    def side(self, source: str) -> Replica:
        """Replica that a source talks to."""
        return self._known[self._group(source)]

    def asked(self, source: str | None) -> tuple[str | None, Replica]:
        """Side of a source; of the side that knows most for None."""
        if source is not None:
            return source, self.side(source)
        group = max(self._known, key=lambda g: (len(self._known[g].ledger), sorted(g)))
        named = sorted(group) or [s for s in self._expected if not self._group(s)]
        return (named[0] if named else None), self._known[group]

    def reach(self, source: str | None) -> list[str]:
        """Expected sources on the side of one, sorted."""
        group = _REST if source is None else self._group(source)
        return sorted(name for name in self._expected if self._group(name) == group)

    def beyond(self, source: str | None) -> tuple[str, ...]:
        """Expected sources that are cut off from one, sorted."""
        return tuple(sorted(set(self._expected) - set(self.reach(source))))

    def cut(self, groups: Iterable[Iterable[str]]) -> None:
        """Cut groups off from each other; each knows what its sources knew.

        Raises
        ------
        InvalidInput
            For an empty group, or a source in two of them.
        """
        chosen = [frozenset(group) for group in groups]
        names = [name for group in chosen for name in group]
        if not all(chosen) or len(names) != len(set(names)):
            raise InvalidInput(
                f"simulate_network_partition: groups {[sorted(g) for g in chosen]}. "
                "Give groups that are not empty and share no source."
            )
        for name in names:
            self.expect(name)
        others = set(self._expected) - set(names)
        made = {group: self._gathered(group) for group in chosen}
        # Only a side that somebody is on can know anything: no rest, no replica.
        if others or not chosen:
            made[_REST] = self._gathered(others)
        self._known, self._healing = made, False
        self.events += len(made) > 1

    def heal_one(self) -> bool:
        """Join two sides; tell whether there are more than one left."""
        if len(self._known) > 1:
            self._healing = True
            (one, first), (two, second), *rest = self._known.items()
            self.concurrent += first.clock().concurrent(second.clock())
            first.join(second)
            joined = one | two if _REST not in (one, two) else _REST
            self._known = {**dict(rest), joined: first}
        if len(self._known) == 1:
            self._known = {_REST: next(iter(self._known.values()))}
            self._healing = False
        return len(self._known) > 1

    def _group(self, source: str) -> Group:
        found = next((group for group in self._known if source in group), _REST)
        return found if found in self._known else next(iter(self._known))

    def _gathered(self, sources: Iterable[str]) -> Replica:
        """A new replica that knows what any of the sources did."""
        out = Replica()
        for group in dict.fromkeys(self._group(source) for source in sources):
            out.join(self._known[group])
        return out
