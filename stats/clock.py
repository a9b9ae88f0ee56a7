"""What is known of every site's numbers: a vector clock with gaps, merged as a set."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.summary import InvalidInput, digest

__all__ = ["ClockEntry", "Gap", "VectorClock"]

Run = tuple[int, int]
Runs = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class ClockEntry:
    """What is known of one site.

    Attributes
    ----------
    epoch : int
        The newest one of which anything is known.
    prefix : int
        Every seq from 1 to this one is known; 0 when 1 is not.
    dots : tuple of int
        Known ones beyond the first gap, sorted.
    """

    epoch: int
    prefix: int
    dots: tuple[int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Numbers that were announced and are not known, both ends included.

    Attributes
    ----------
    site : str
    epoch, first, last : int
    lost : bool
        The site was rebuilt since: they are not awaited any longer.
    """

    site: str
    epoch: int
    first: int
    last: int
    lost: bool = False

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        numbers = f"{self.first}" if len(self) == 1 else f"{self.first}..{self.last}"
        return f"{self.site}/{self.epoch}-{numbers}{' lost' if self.lost else ''}"


@dataclass(frozen=True, slots=True)
class VectorClock:
    """Set of known (site, epoch, seq); merging is set union.

    Attributes
    ----------
    runs : mapping of (site, epoch) to tuple of (first, last)
        Consecutive known numbers, both ends included, sorted and not adjacent.

    Notes
    -----
    Comparing plain maxima is wrong: a reader of {1, 3} does not know what a reader of
    {1, 2} knows.  Here one clock is before another only when all it knows is known
    there too.  Sources: L. Lamport (Communications of the ACM 21, 1978); D. Malkhi and
    D. Terry, Concise version vectors in WinFS (DISC 2005); N. Preguiça and others,
    Dotted version vectors (2012).  Naive twin: sets, in tests/stats/test_clock.py.

    Examples
    --------
    >>> one = VectorClock.from_dots([("a", 0, 1), ("a", 0, 3)])
    >>> two = VectorClock.from_dots([("a", 0, 1), ("a", 0, 2)])
    >>> one.concurrent(two), one.happens_before(one.merge(two))
    (True, True)
    >>> one["a"]
    ClockEntry(epoch=0, prefix=1, dots=(3,))
    """

    runs: Mapping[tuple[str, int], Runs] = field(default_factory=dict)

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def from_dots(cls, dots: Iterable[tuple[str, int, int]]) -> Self:
        """Collect (site, epoch, seq), in any order, any of them more than once."""
        found = [((site, epoch), (seq, seq)) for site, epoch, seq in dots]
        return cls(_collect(found))

    def merge(self, other: Self) -> Self:
        """Know what either knows."""
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        return cls(
            _collect(
                (place, run)
                for clock in items
                for place, runs in clock.runs.items()
                for run in runs
            )
        )

    def empty(self) -> Self:
        """Nothing known."""
        return type(self)()

    @property
    def n(self) -> int:
        """Numbers known."""
        return sum(b - a + 1 for runs in self.runs.values() for a, b in runs)

    @property
    def sites(self) -> tuple[str, ...]:
        """Sites of which anything is known, sorted."""
        return tuple(sorted({site for site, _ in self.runs}))

    def __getitem__(self, site: str) -> ClockEntry:
        """Entry of a site's newest epoch; KeyError when nothing is known of it."""
        epochs = [epoch for name, epoch in self.runs if name == site]
        if not epochs:
            raise KeyError(site)
        first, *others = runs = self.runs[site, max(epochs)]
        prefix = first[1] if first[0] <= 1 else 0
        beyond = others if prefix else runs
        dots = (seq for a, b in beyond for seq in range(a, b + 1))
        return ClockEntry(max(epochs), prefix, tuple(dots))

    def __contains__(self, dot: object) -> bool:
        if not (isinstance(dot, tuple) and len(dot) == 3):
            return False
        site, epoch, seq = dot
        return _inside(self.runs.get((site, epoch), ()), (seq, seq))

    def covers(self, other: Self) -> bool:
        """Tell whether everything the other knows is known here."""
        return all(
            _inside(self.runs.get(place, ()), run)
            for place, runs in other.runs.items()
            for run in runs
        )

    def lacks(self, other: Self) -> list[tuple[str, int, int]]:
        """First number of each run that the other knows and that is not known here."""
        out = []
        for (site, epoch), runs in other.runs.items():
            mine = self.runs.get((site, epoch), ())
            for first, last in runs:
                if not _inside(mine, (first, last)):
                    held = [b for a, b in mine if a <= first <= b]
                    out.append((site, epoch, held[0] + 1 if held else first))
        return sorted(out)

    def happens_before(self, other: Self) -> bool:
        """Tell whether the other knows all of this, and more."""
        return self.runs != other.runs and other.covers(self)

    def concurrent(self, other: Self) -> bool:
        """Tell whether each knows something that the other does not."""
        return not (self.covers(other) or other.covers(self))

    def gaps(self, announced: Mapping[tuple[str, int], int]) -> tuple[Gap, ...]:
        """Numbers up to an announced one, or below a known one, that are not known.

        Parameters
        ----------
        announced : mapping of (site, epoch) to int
            Highest seq the site is known to have issued.

        Returns
        -------
        tuple of Gap
            Sorted; numbering starts with 1, a missing 0 is no gap.
        """
        out = []
        for place in {*self.runs, *announced}:
            runs = self.runs.get(place, ())
            expected = 1
            for first, last in runs:
                if first > expected:
                    out.append(Gap(*place, expected, first - 1))
                expected = last + 1
            if announced.get(place, 0) >= expected:
                out.append(Gap(*place, expected, announced[place]))
        return tuple(sorted(out))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Numbers only: one row per run, sites as codes into sorted labels (JSON)."""
        rows = [
            (self.sites.index(site), epoch, first, last)
            for (site, epoch), runs in sorted(self.runs.items())
            for first, last in runs
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 4)
        names = ("site", "epoch", "first", "last")
        text = json.dumps(self.sites, separators=(",", ":")).encode()
        return {
            **{name: table[:, i] for i, name in enumerate(names)},
            "site.labels": np.frombuffer(text, dtype=np.uint8),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When arrays are missing, of unequal length, or hold no runs.
        """
        try:
            found = _restored(arrays)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise InvalidInput(
                f"VectorClock.from_arrays: not the state of a clock ({error}). "
                "Derive the clock again from the ledger."
            ) from error
        return cls(_collect(found))

    def digest(self) -> str:
        """SHA-256 of everything known, hexadecimal."""
        return digest(self)

    def __repr__(self) -> str:
        newest = ", ".join(
            f"{site}: {entry.epoch}-{entry.prefix}"
            + (f"+{len(entry.dots)}" if entry.dots else "")
            for site, entry in ((site, self[site]) for site in self.sites[:8])
        )
        more = ", ..." if len(self.sites) > 8 else ""
        return f"VectorClock: n={self.n:_} | {newest}{more}"


def _restored(
    arrays: Mapping[str, NDArray[Any]],
) -> list[tuple[tuple[str, int], Run]]:
    labels = json.loads(np.asarray(arrays["site.labels"]).tobytes().decode())
    names = ("site", "epoch", "first", "last")
    rows = list(zip(*(arrays[name].tolist() for name in names), strict=True))
    if any(site < 0 or first > last for site, _, first, last in rows):
        raise ValueError("a run ends before it begins, or has no site")
    return [((labels[site], epoch), (a, b)) for site, epoch, a, b in rows]


def _collect(
    found: Iterable[tuple[tuple[str, int], Run]],
) -> dict[tuple[str, int], Runs]:
    """Join runs that overlap or touch, per site and epoch, in sorted order."""
    places: dict[tuple[str, int], list[Run]] = {}
    for place, run in found:
        places.setdefault(place, []).append(run)
    out: dict[tuple[str, int], Runs] = {}
    for place in sorted(places):
        joined: list[Run] = []
        for first, last in sorted(places[place]):
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(joined[-1][1], last)
            else:
                joined.append((first, last))
        out[place] = tuple(joined)
    return out


def _inside(runs: Runs, run: Run) -> bool:
    """Whether one of the runs holds all of another: they never touch each other."""
    at = bisect.bisect_right(runs, (run[0], 2**63)) - 1
    return at >= 0 and runs[at][0] <= run[0] and run[1] <= runs[at][1]
