"""How often readers were answered: counted, by model and by reason of refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from stats.intervals import wilson_interval
from stats.refusals import Refused
from stats.staleness import ConsistencyModel

__all__ = ["Availability", "Rate"]

ANSWERED = "answered"
DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class Rate:
    """A share that was counted.

    Attributes
    ----------
    answered, asked : int
    share, lower, upper : float
        With its 95 % interval (Wilson); NaN when nothing was asked.
    """

    answered: int
    asked: int
    share: float
    lower: float
    upper: float

    def __repr__(self) -> str:
        return (
            f"Rate: n={self.asked} | {self.share:.3f} "
            f"[{self.lower:.3f}, {self.upper:.3f}]"
        )


@dataclass(frozen=True, slots=True)
class Availability:
    """Questions and what became of them.

    Attributes
    ----------
    counts : mapping of (model, outcome) to int
        The outcome is ``answered``, ``degraded`` (answered with too little arrived) or
        the kind of a refusal.

    Examples
    --------
    >>> counted = Availability().record(ConsistencyModel.STRONG)
    >>> counted.rate()
    Rate: n=1 | 1.000 [0.207, 1.000]
    """

    counts: Mapping[tuple[ConsistencyModel, str], int] = field(default_factory=dict)

    def record(
        self,
        model: ConsistencyModel,
        refused: Refused | None = None,
        *,
        degraded: bool = False,
    ) -> Availability:
        """Count one question."""
        answered = DEGRADED if degraded else ANSWERED
        outcome = answered if refused is None else refused.kind
        return self.merge(Availability({(model, outcome): 1}))

    def merge(self, other: Availability) -> Availability:
        """Add the questions of another reader."""
        return Availability(dict(Counter(self.counts) + Counter(other.counts)))

    def rate(self, model: ConsistencyModel | None = None) -> Rate:
        """Share of questions that were answered, also degraded; None is all models."""
        chosen = {
            key: n for key, n in self.counts.items() if model is None or key[0] is model
        }
        asked = sum(chosen.values())
        answered = sum(n for (_, o), n in chosen.items() if o in (ANSWERED, DEGRADED))
        lower, upper = wilson_interval(answered, asked)
        share = answered / asked if asked else float("nan")
        return Rate(answered, asked, share, float(lower), float(upper))

    def refusals(self, model: ConsistencyModel | None = None) -> dict[str, int]:
        """How many questions were refused, by kind of refusal."""
        found: Counter[str] = Counter()
        for (whose, outcome), n in self.counts.items():
            wanted = model is None or whose is model
            if wanted and outcome not in (ANSWERED, DEGRADED):
                found[outcome] += n
        return dict(sorted(found.items()))
