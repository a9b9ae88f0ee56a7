"""How long what is kept, in nights behind the newest one."""

from __future__ import annotations

from dataclasses import dataclass

from stats.summary import InvalidInput

__all__ = ["TIERS", "RetentionPolicy"]

TIERS: dict[str, str] = {
    "complete": "everything, also versions that were corrected",
    "values": "values of what counts, summaries, results",
    "summaries": "exact summaries of every team, results without agents' baselines",
    "archived": "ledger rows, exact summaries of every site, results",
}
"""Name of each tier, and what is kept in it; the newest nights first."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Last age, in nights, of each tier; what is older belongs to the next.

    Attributes
    ----------
    superseded : int
        Values of versions that were corrected.
    values : int
        Values of what counts.  A night needs those of its window: at least the window,
        and a few nights for what comes late.
    summaries : int
        Summaries of teams; a correction of an older night comes too late.
    history : int
        Tags and snapshots: how far back a night can be read as it was known then.

    Raises
    ------
    InvalidInput
        When an age is below 1, or a tier ends before the one before it.
    """

    superseded: int = 7
    values: int = 65
    summaries: int = 400
    history: int = 35

    def __post_init__(self) -> None:
        ages = (self.superseded, self.values, self.summaries)
        if min(*ages, self.history) < 1 or list(ages) != sorted(ages):
            raise InvalidInput(
                f"retention: superseded {self.superseded}, values {self.values}, "
                f"summaries {self.summaries}, history {self.history} nights. Give 1 or "
                "more, and superseded <= values <= summaries."
            )

    def tier(self, age: int) -> str:
        """Tier of a night by how many nights it is behind the newest one.

        Examples
        --------
        >>> [RetentionPolicy().tier(age) for age in (7, 8, 65, 66, 401)]
        ['complete', 'values', 'values', 'summaries', 'archived']
        """
        if age <= self.superseded:
            return "complete"
        if age <= self.values:
            return "values"
        return "summaries" if age <= self.summaries else "archived"
