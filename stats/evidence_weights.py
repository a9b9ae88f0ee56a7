"""How much the evidence of a source is worth, from audits or from the other sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.logistic import fit_slopes
from stats.source_table import checked_table, left_out_consensus
from stats.summary import InvalidInput

__all__ = ["SourceWeights", "evidence_weights"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Beta(4, 1): a new source counts 4/5 from its first evidence on.
_GOOD, _BAD = 4.0, 1.0
# Slopes are 1 within this much, before anything is known.
_SD = 0.5
# Audited agents of a source from which on they alone decide.
_ENOUGH = 10
# Normal ratios of which the middle third is averaged are worth as many as this share.
_EFFICIENCY = 0.78
# What a source may say to the others at most, and how often they are asked again.
_LOUDEST, _ROUNDS = 5.0, 2
# Agents that are enough to learn slopes to about 0.01.
_AGENTS = 200_000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SourceWeights:
    """What is known of every source; arrays of shape (s,).

    Attributes
    ----------
    n, audited : int64 arrays
        Agents the source spoke about, and audited ones among them.
    slope, sd : float64 arrays
        True log-ratio per stated one, with its standard deviation: 1 means what it
        says, below 1 is over-confident, below 0 says the opposite.
    reputation : float64 array
        In (0, 1): (4 + audits) / (5 + audits + proven faults).
    weight : float64 array
        slope times reputation, at least 0; at most 1 unless audits decide.
    by_audits : bool array
        Whether audits decide alone.
    """

    n: Ints
    audited: Ints
    slope: Floats
    sd: Floats
    reputation: Floats
    weight: Floats
    by_audits: NDArray[np.bool_]

    def __repr__(self) -> str:
        return (
            f"SourceWeights: n={int(self.n.sum()):_} | sources={len(self.n)} "
            f"({int(self.by_audits.sum())} by audits) | "
            f"weight={self.weight.round(2).tolist()}"
        )


def evidence_weights(
    table: ArrayLike,
    *,
    prior: float,
    audit: ArrayLike | None = None,
    faults: ArrayLike | None = None,
    most: float = 2.0,
) -> SourceWeights:
    """Learn what the evidence of every source is worth.

    Parameters
    ----------
    table : array_like, shape (agents, sources)
        Ratios as `stats.source_table.source_table` gives them; NaN where a source has
        said nothing.
    prior : float
        Log-odds of "compromised" of an agent about whom nothing is known.
    audit : integer array_like, shape (agents,), optional
        1 for agents found to be compromised, 0 for normal ones, -1 not audited.
    faults : integer array_like, shape (s,), optional
        Proven faults of each source: failed signatures, equivocation, replay.
    most : float
        Largest weight that audits can give, at least 1.

    Returns
    -------
    SourceWeights

    Raises
    ------
    InvalidInput
        For shapes that do not fit, a prior or a bound out of range, or other audits.

    Notes
    -----
    The slope is that of a logistic regression, with a normal prior of sd 0.5 about 1.
    From 10 audited agents on it is fitted to these alone, with their own share of
    compromised ones as offset; an audit may choose its agents.  Below, the smaller of
    that and of the slope on what the other sources hold: at first their trimmed mean
    times 0.78 of their number, then the sum of their ratios, capped at 5, by the
    weights found; agreement is worth at most 1, since who agrees may
    have copied.  A source that alone sees something agrees with nobody: audit it.
    Ratios times weights stay the evidence; weights above 1 exceed what a confidence
    can hold, so scale the ratios.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.random(5_000) < 0.5
    >>> fair = 2.0 * rng.standard_normal((5_000, 6)) + np.where(truth, 2, -2)[:, None]
    >>> fair[:, 0] *= 4.0  # shouts
    >>> fair[:, 1] *= -1.0  # lies
    >>> evidence_weights(fair, prior=0.0, audit=truth).weight.round(1)
    array([0.3, 0. , 1. , 1. , 1. , 1. ])
    """
    x = checked_table(table, "evidence_weights")
    agents, sources = x.shape
    known = _labels(np.full(agents, -1) if audit is None else audit, agents)
    proven = _counts(np.zeros(sources, int) if faults is None else faults, sources)
    if not np.isfinite(prior) or not 1.0 <= most < np.inf:
        raise InvalidInput(
            f"evidence_weights: prior {prior}, most {most}. Give finite log-odds and a "
            "bound of at least 1."
        )
    said = ~np.isnan(x)
    audited = said[known >= 0].sum(axis=0).astype(np.int64)
    slope, sd = _by_audits(x[known >= 0], known[known >= 0])
    decided = audited >= _ENOUGH
    if not decided.all():
        agreed, agreed_sd = _by_agreement(x[known < 0], prior)
        lower = ~decided & ((audited == 0) | (agreed < slope))
        slope, sd = np.where(lower, agreed, slope), np.where(lower, agreed_sd, sd)
    reputation = (_GOOD + audited) / (_GOOD + _BAD + audited + proven)
    weight = np.clip(slope * reputation, 0.0, np.where(decided, most, 1.0))
    return SourceWeights(
        n=said.sum(axis=0).astype(np.int64),
        audited=audited,
        slope=slope,
        sd=sd,
        reputation=reputation,
        weight=weight,
        by_audits=decided,
    )


def _by_audits(x: Floats, truth: Ints) -> tuple[Floats, Floats]:
    """Slopes on the truth; per source the share of compromised agents it spoke about.

    The share counts half an agent of each kind more.
    """
    said = ~np.isnan(x)
    ones = said[truth == 1].sum(axis=0) + 0.5
    offset = np.log(ones / (said.sum(axis=0) + 1.0 - ones))
    known = np.where(truth == 1, np.inf, -np.inf)[:, None]
    return fit_slopes(x, known, offset, sd=_SD)


def _by_agreement(x: Floats, prior: float) -> tuple[Floats, Floats]:
    """Slopes on what the others hold, at most 1.

    At first the others are a trimmed mean, then a sum in which everybody has the weight
    that came out.  Of very many agents every k-th is enough.
    """
    x = x[:: max(len(x) // _AGENTS, 1)]
    said = ~np.isnan(x)
    others = said.sum(axis=1)[:, None] - said
    moved = _moved_back(x)
    belief = np.nan_to_num(left_out_consensus(moved)) * others * _EFFICIENCY
    slope, sd = fit_slopes(x, belief, prior, sd=_SD)
    capped = np.nan_to_num(np.clip(moved, -_LOUDEST, _LOUDEST))
    for _ in range(_ROUNDS):
        usual = np.quantile(slope, 0.75) if len(slope) else 1.0
        share = np.clip(slope / max(usual, 1e-3), 0.0, 1.0)
        weighted = capped * share
        belief = weighted.sum(axis=1, keepdims=True) - weighted
        slope, sd = fit_slopes(x, belief, prior, sd=_SD)
    return np.minimum(slope, 1.0), sd


def _moved_back(x: Floats) -> Floats:
    """Ratios whose median per source is no outlier among sources.

    Who says the same of everybody would else shift what all the others seem to hold.
    """
    heard = ~np.isnan(x).all(axis=0)
    if not heard.any():
        return x
    middle = np.zeros(x.shape[1])
    middle[heard] = np.nanmedian(x[:, heard], axis=0)
    centre = np.median(middle[heard])
    reach = 3.0 * 1.4826 * np.median(np.abs(middle[heard] - centre))
    found: Floats = x - (middle - np.clip(middle, centre - reach, centre + reach))
    return found


def _labels(audit: ArrayLike, agents: int) -> Ints:
    found = np.asarray(audit)
    if found.shape != (agents,) or not np.isin(found, (-1, 0, 1)).all():
        raise InvalidInput(
            f"evidence_weights: audit {found.shape} for {agents} agents. Give 1 "
            "(compromised), 0 (normal) or -1 (not audited) per agent."
        )
    return found.astype(np.int64)


def _counts(faults: ArrayLike, sources: int) -> Ints:
    found = np.asarray(faults)
    if found.shape != (sources,) or found.dtype.kind not in "iu" or (found < 0).any():
        raise InvalidInput(
            f"evidence_weights: faults {found.shape} of {found.dtype} for {sources} "
            "sources. Give a whole number >= 0 per source."
        )
    return found.astype(np.int64)
