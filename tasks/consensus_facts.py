"""Where the evidence of a consensus comes from, and what is promised of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from storage.authenticity import Authenticity
from tasks.evidence_window import LeftOut

__all__ = ["Facts", "Guarantee"]

# Sources behind that are named one by one.
_NAMED = 6


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What is promised, for each of three things that can go wrong by themselves.

    Attributes
    ----------
    authenticity, sources, workers : str
        Who said it; sources that lie about what they saw; workers that computed it.
    """

    authenticity: str
    sources: str
    workers: str

    def __str__(self) -> str:
        return f"{self.authenticity} {self.sources} {self.workers}"


@dataclass(frozen=True, slots=True)
class Facts:
    """Where the evidence comes from.

    Attributes
    ----------
    night, snapshot : str
        Empty for evidence that is in no store.
    nights : tuple of str
    as_of : int
        Nanoseconds UTC at which ages are taken.
    newest : mapping of source to int
        End of its newest evidence, nanoseconds UTC.
    last_night : mapping of source to str
        Newest night up to this one that it delivered, ISO date.
    left_out : tuple of LeftOut
    authenticity : Authenticity
    repeated : int
        Rows that came again and do not count twice.
    """

    night: str
    snapshot: str
    nights: tuple[str, ...]
    as_of: int
    newest: Mapping[str, int]
    last_night: Mapping[str, str]
    left_out: tuple[LeftOut, ...]
    authenticity: Authenticity
    repeated: int

    def arrived(self, sources: Sequence[str]) -> str:
        """Say whose evidence for the night is here, and that silence is none.

        Parameters
        ----------
        sources : sequence of str
            Every known one.
        """
        if not self.night:
            return (
                f"For what arrived: evidence of {len(sources)} sources; which others "
                "there are is not known."
            )
        behind = {
            name: self.last_night.get(name)
            for name in sources
            if self.last_night.get(name) != self.night
        }
        here = len(sources) - len(behind)
        text = f"For what arrived: {here} of {len(sources)} sources delivered "
        if not behind:
            return f"{text}{self.night}."
        since = [
            f"{name} never did" if last is None else f"{name} last delivered {last}"
            for name, last in list(behind.items())[:_NAMED]
        ]
        more = len(behind) - len(since)
        since += [f"{more} more are behind"] if more else []
        return (
            f"{text}{self.night}; {', '.join(since)}. What they would say is not in "
            "it, and silence is no evidence."
        )
