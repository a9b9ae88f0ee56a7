"""How much of the evidence is independent, found without knowing any truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from numpy.typing import ArrayLike, NDArray

from stats.evidence_cells import ROWS, TERMS, agent_terms, cells_of_agents
from stats.evidence_design import EvidenceTempering, estimate_tempering
from stats.exact import ExactSum
from stats.summary import Incompatible, digest

__all__ = ["EvidenceSpread", "EvidenceTempering", "evidence_tempering"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EvidenceSpread:
    """How evidence varies within agents, between and within its clusters.

    Attributes
    ----------
    terms : ExactSum, shape (18,)
        Sums over agents of 7 terms, of products of the first 4, and of 1.

    Notes
    -----
    All rows of an agent must be in one block; blocks of agents merge.  Sums of an agent
    are exact and rounded once, sums over agents exact: neither blocks nor order of
    agents or rows change a bit.
    """

    terms: ExactSum

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def from_block(
        cls, log_ratio: ArrayLike, agents: ArrayLike, clusters: ArrayLike
    ) -> Self:
        """Add up the evidence of whole agents.

        Parameters
        ----------
        log_ratio : array_like, shape (n,)
            Finite, at most 1e60 in size; times its confidence where that differs.
        agents, clusters : integer array_like, shape (n,)
            Not negative.  A cluster is what may share its noise, and is told apart by
            agent: the night, or the source.

        Raises
        ------
        InvalidInput
            For columns that do not fit, or a ratio that is not finite or too large.
        """
        x, agent, cell = cells_of_agents(log_ratio, agents, clusters)
        return cls(ExactSum.from_block(agent_terms(x, agent, cell), (TERMS,)))

    def __repr__(self) -> str:
        n, agents = (int(x) for x in self.terms.value()[[ROWS, -1]])
        return f"EvidenceSpread: n={n:_} | agents={agents:_}"

    def empty(self) -> Self:
        """Nothing seen."""
        return type(self)(self.terms.empty())

    def merge(self, other: Self) -> Self:
        """Add agents of both; no agent may be in both, which is not checked."""
        return type(self)(self.terms.merge(other.terms))

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        return cls(ExactSum._merge_many([item.terms for item in items]))

    def subtract(self, other: Self) -> Self:
        """Take agents out that were merged before."""
        return type(self)(self.terms.subtract(other.terms))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Canonical state; equal evidence gives equal arrays."""
        return self.terms.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput, Incompatible
            When an array is missing or it is another state.
        """
        terms = ExactSum.from_arrays(arrays)
        if terms.shape != (TERMS,):
            raise Incompatible(
                f"EvidenceSpread.from_arrays: sums of shape {terms.shape}, expected "
                f"({TERMS},). Compute the summary again."
            )
        return cls(terms)

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)

    def finalize(self) -> EvidenceTempering:
        """Estimate the share that is independent.

        Raises
        ------
        NotEnoughData
            Without two agents that have two clusters each, where no cluster has two
            rows, or where evidence does not vary within agents.

        Notes
        -----
        Correlation within clusters from the mean squares between and within the
        clusters of an agent, pooled over agents; the interval from how much agents
        contribute to either (linearised), with Student's law.
        """
        return estimate_tempering(self.terms.value())


def evidence_tempering(
    log_ratio: ArrayLike, agents: ArrayLike, clusters: ArrayLike
) -> EvidenceTempering:
    """Share of the evidence that is independent: what to raise the likelihood to.

    Parameters
    ----------
    log_ratio, agents, clusters : array_like, shape (n,)
        As for `EvidenceSpread.from_block`.

    Returns
    -------
    EvidenceTempering
        Its `tempering` goes to `log_posterior`.

    Raises
    ------
    InvalidInput
        For columns that do not fit.
    NotEnoughData
        As `EvidenceSpread.finalize`.

    Notes
    -----
    Sums of clusters vary 1 + (m - 1) ρ times as much as sums of independent rows.
    Only differences within an agent count, so neither who is compromised nor how
    strong the evidence is looks like dependence; and so noise that all evidence of an
    agent shares is not seen.
    Source: Kish, Survey Sampling (1965), section 5.4; Searle, Casella, McCulloch,
    Variance Components (1992), section 3.6, for unequal clusters.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> night = np.arange(40_000) // 10
    >>> shared = rng.standard_normal(4_000)[night]
    >>> rows = np.sqrt(0.3) * shared + np.sqrt(0.7) * rng.standard_normal(40_000)
    >>> found = evidence_tempering(rows, night // 4, night)
    >>> round(found.tempering, 2), round(1 / (1 + 9 * 0.3), 2)
    (0.27, 0.27)
    """
    return EvidenceSpread.from_block(log_ratio, agents, clusters).finalize()
