"""How evidence is weighed: mode, prior, what counts as independent, who is believed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stats.byzantine import ERROR
from stats.summary import InvalidInput
from stats.tempering_choice import fixed_tempering

__all__ = ["ConsensusOptions"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ConsensusOptions:
    """How evidence is weighed.

    Attributes
    ----------
    mode : {"robust", "exact"}
        Exact believes every source.
    liars : int, optional
        Lying sources to withstand in mode robust; the most that the known ones allow,
        (n - 1) // 3, if absent.
    prior : float
        Probability in (0, 1) of the hypothesis that ratios speak of.
    shares : tuple of float
        Prior shares where there are several hypotheses, in their order; equal if empty.
    tempering : float, optional
        Share of the evidence that is independent; estimated from it if absent.
    one_voice : bool
        Sources that repeat one another have one voice together.
    false_discovery : float
        Over pairs of sources, for that.
    error : float
        Largest probability of a wrong certified decision.
    weights : "learnt", optional
        In mode exact what a source says counts as far as the others bear it out, see
        `stats.voice_weights`; as stated if absent.
    informative : int, optional
        Honest sources that are known, from audits and not from this evidence, to tell
        every pair of hypotheses apart; from 2 f + 1 on, mode robust also gives the
        weaker status "supported".

    Raises
    ------
    InvalidInput
        For a mode, a number of liars or a probability that cannot be.
    """

    mode: Literal["robust", "exact"] = "robust"
    liars: int | None = None
    prior: float = 0.01
    shares: tuple[float, ...] = ()
    tempering: float | None = None
    one_voice: bool = True
    false_discovery: float = 0.01
    error: float = ERROR
    weights: Literal["learnt"] | None = None
    informative: int | None = None

    def __post_init__(self) -> None:
        good = self.mode in ("robust", "exact") and 0 < self.prior < 1
        good = good and (self.liars is None or self.liars >= 0)
        good = good and 0 < self.error < 1 and 0 < self.false_discovery < 1
        good = good and all(0 <= share < math.inf for share in self.shares)
        if not good or (self.mode == "exact" and self.liars):
            raise InvalidInput(
                f"consensus: {self}. Give mode robust or exact, a prior, an error and "
                "a false discovery rate in (0, 1), and liars >= 0 in mode robust only."
            )
        known = self.informative is None or self.informative >= 0
        if self.weights not in (None, "learnt") or not known:
            raise InvalidInput(
                f"consensus: weights {self.weights!r}, {self.informative} informative "
                "sources. Give weights learnt or none, and a number >= 0."
            )
        if self.mode == "robust" and self.weights:
            raise InvalidInput(
                "consensus: weights in mode robust. They are learnt from sources of "
                "which some may lie, and its promise would be lost. Use mode exact."
            )
        if self.mode == "exact" and self.informative is not None:
            raise InvalidInput(
                f"consensus: {self.informative} informative sources in mode exact, "
                "which believes all of them. Use mode robust."
            )
        if self.tempering is not None:
            fixed_tempering(self.tempering)

    def log_prior(self, hypotheses: int) -> Floats:
        """Natural logarithm of the prior up to a constant, two for one hypothesis."""
        if hypotheses == 1:
            return np.array([math.log(self.prior / (1.0 - self.prior)), 0.0])
        shares = np.array(self.shares or [1.0] * hypotheses)
        if len(shares) != hypotheses or not shares.any():
            raise InvalidInput(
                f"consensus: prior shares {self.shares} for {hypotheses} hypotheses. "
                "Give one for each, not all 0."
            )
        with np.errstate(divide="ignore"):
            found: Floats = np.log(shares / shares.sum())
        return found

    def withstood(self, sources: int) -> int:
        """How many liars the mode withstands among so many sources."""
        if self.mode == "exact":
            return 0
        return max((sources - 1) // 3, 0) if self.liars is None else self.liars
