"""The run checks itself: every check gives a verdict, and one failure fails the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from storage.store import BehaviorStore
from tasks.night import Night, Scores
from tasks.report.rows import Verdict

__all__ = ["Check", "CheckContext", "CheckFailed", "run_checks"]


class CheckFailed(Exception):
    """A check found what must not be; the text states both values."""

    kind: ClassVar[str] = "check_failed"


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What checks may look at.

    Attributes
    ----------
    store : BehaviorStore
        Pinned to the night's snapshot.
    night : Night
    scores : Scores
    seed : int
        Seeds the samples, so that a run repeated checks the same things.
    """

    store: BehaviorStore
    night: Night
    scores: Scores
    seed: int

    def rng(self, name: str) -> np.random.Generator:
        """Return the generator of one check, independent of the order they run in."""
        return np.random.default_rng([self.seed, *name.encode()])


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the run.

    Attributes
    ----------
    name : str
        Stable identifier, shown when the run fails.
    title : str
        What holds when it passes, one sentence.
    criterion : str
        What it guards, in the words of docs/explanation/verdicts.md.
    run : callable
        Returns how many things were compared and a sentence on them; raises
        `CheckFailed` with the first difference.
    """

    name: str
    title: str
    criterion: str
    run: Callable[[CheckContext], tuple[int, str]]


def run_checks(context: CheckContext, checks: Sequence[Check]) -> tuple[Verdict, ...]:
    """Run every check; one that breaks is an error, never a pass.

    Parameters
    ----------
    context : CheckContext
    checks : sequence of Check

    Returns
    -------
    tuple of Verdict
        One per check, in the given order; a check that compared nothing is "not run".
    """
    return tuple(_judge(check, context) for check in checks)


def _judge(check: Check, context: CheckContext) -> Verdict:
    def verdict(outcome: str, n: int, detail: str) -> Verdict:
        return Verdict(check.name, check.title, outcome, n, detail, check.criterion)  # type: ignore[arg-type]  # literal by construction

    try:
        n, detail = check.run(context)
    except CheckFailed as failure:
        return verdict("failed", 1, str(failure))
    except Exception as error:  # noqa: BLE001 - whatever breaks in a check must show
        return verdict("error", 0, f"{type(error).__name__}: {error}")
    return verdict("passed" if n > 0 else "not run", n, detail)
