"""What each source says of each agent; those that repeat one another have one voice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.evidence_sums import EvidenceSums
from stats.sparse_groups import touched_groups
from stats.summary import InvalidInput

__all__ = ["Voices", "sample_table", "voices_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Voices:
    """Beliefs of voices about agents, only where there are any.

    Attributes
    ----------
    agent, voice : int64 arrays, shape (p,)
        Pairs that have evidence, sorted.
    beliefs : float64 array, shape (p, k)
        Up to a constant of the pair: for one hypothesis its log-likelihood ratio and 0.
        Sums of one source are rounded once; a voice of m sources is their mean.
    rows : int64 array, shape (p,)
    n_voices : int
        Also those that say nothing.
    """

    agent: Ints
    voice: Ints
    beliefs: Floats
    rows: Ints
    n_voices: int

    def __repr__(self) -> str:
        return (
            f"Voices: n={int(self.rows.sum()):_} | pairs={len(self.agent):_} | "
            f"voices={self.n_voices:_}"
        )

    def table(self, first: int, last: int) -> Floats:
        """Beliefs about agents [first, last), (agents, voices, k), NaN if none."""
        k = self.beliefs.shape[1]
        out = np.full((last - first, self.n_voices, k), np.nan)
        part = slice(*np.searchsorted(self.agent, [first, last]))
        out[self.agent[part] - first, self.voice[part]] = self.beliefs[part]
        return out

    def together(self, factor: Floats, voice: Ints) -> Voices:
        """Scale every voice, then let those that share a voice speak by their mean.

        Parameters
        ----------
        factor : float64 array, shape (voices,)
        voice : int64 array, shape (voices,)
            The one through which each speaks.  Others of a group fall silent but remain
            among the voices: who copies somebody cannot make the known ones fewer.
        """
        said = self.beliefs * factor[self.voice][:, None]
        members = np.bincount(voice, minlength=self.n_voices)
        if (members == 1).all():
            return replace(self, beliefs=said, voice=voice[self.voice])
        key = self.agent * len(members) + voice[self.voice]
        pairs, place = np.unique(key, return_inverse=True)
        by = pairs % len(members)
        columns = [np.bincount(place, column, len(pairs)) for column in said.T]
        rows = np.bincount(place, self.rows, len(pairs)).astype(np.int64)
        mean = np.stack(columns, axis=1) / members[by][:, None]
        return Voices(pairs // len(members), by, mean, rows, len(members))

    def largest_share(self, n_agents: int) -> tuple[Floats, Ints]:
        """Share of the loudest voice in all that is said of an agent, and who it is.

        Returns
        -------
        share : float64 array, shape (agents,)
            In [0, 1]; NaN where nothing is said.
        voice : int64 array, shape (agents,)
            -1 where nothing is said; the first of equal ones.
        """
        size = np.ptp(self.beliefs, axis=1)
        whole = np.bincount(self.agent, size, minlength=n_agents)
        order = np.lexsort((-self.voice, size, self.agent))
        last = np.append(np.diff(self.agent[order]) > 0, True)[: len(order)]
        top = order[last]
        share, who = np.full(n_agents, np.nan), np.full(n_agents, -1, dtype=np.int64)
        said = top[whole[self.agent[top]] > 0]
        share[self.agent[said]] = size[said] / whole[self.agent[said]]
        who[self.agent[said]] = self.voice[said]
        return np.minimum(share, 1.0), who


def voices_of(
    sums: EvidenceSums, agent: ArrayLike, source: ArrayLike, n_sources: int
) -> Voices:
    """Collect what sources say, each with a voice of its own.

    Parameters
    ----------
    sums : EvidenceSums
        Group i is about ``agent[i]`` by ``source[i]``; a pair may come several times.
    agent, source : integer array_like, shape (p,)
        Not negative; a negative agent leaves a pair out.
    n_sources : int

    Raises
    ------
    InvalidInput
        For columns that do not fit.

    Examples
    --------
    >>> sums = EvidenceSums.from_block([1.0, 3.0, 5.0], 1.0, [0, 1, 2], 3)
    >>> said = voices_of(sums, [0, 0, 0], [0, 1, 2], 3)
    >>> said.together(np.ones(3), np.array([0, 0, 2])).beliefs[:, 0].tolist()
    [2.0, 5.0]
    """
    who, by = np.asarray(agent, np.int64), np.asarray(source, np.int64)
    fit = who.shape == by.shape == (sums.n_groups,)
    if not fit or ((by < 0) | (by >= n_sources)).any():
        raise InvalidInput(
            f"voices_of: agents {who.shape} and sources {by.shape} for {sums.n_groups} "
            f"groups. Give one of each per group, sources in [0, {n_sources})."
        )
    pairs, place = _distinct(np.where(who < 0, -1, who * n_sources + by))
    alike = len(pairs) == len(place) and bool((np.diff(place) > 0).all())
    own = sums if alike else sums.rollup(place, len(pairs))
    said = own.log_ratio() if own.n_hypotheses == 1 else own.against(0)
    if own.n_hypotheses == 1:
        said = np.concatenate([said, np.zeros_like(said)], axis=1)
    rows = own.n.sum(axis=1)
    return Voices(pairs // n_sources, pairs % n_sources, said, rows, n_sources)


def _distinct(key: Ints) -> tuple[Ints, Ints]:
    """Keys that occur, sorted, and the place of each; -1 for a negative one."""
    if (key[1:] < key[:-1]).any() or (key < 0).any():
        return touched_groups(key)
    new = np.append(True, key[1:] > key[:-1])[: len(key)]
    return key[new], np.cumsum(new, dtype=np.int64) - 1


def sample_table(
    voices: Voices, n_agents: int, most_cells: int, *, whole: bool = False
) -> Floats:
    """Mean ratio of a row, by agent and voice, of agents that two voices spoke of.

    Parameters
    ----------
    voices : Voices
        Of one hypothesis.
    n_agents : int
    most_cells : int
        Agents are taken at equal steps so that the table has no more cells.
    whole : bool
        Ratios of all rows together, not of one on average.

    Returns
    -------
    float64 array, shape (some agents, voices)
        NaN where a voice has said nothing; within 1e30.
    """
    heard = np.bincount(voices.agent, minlength=n_agents)
    chosen = np.flatnonzero(heard >= 2)
    step = -(-len(chosen) * voices.n_voices // max(most_cells, 1))
    chosen = chosen[:: max(step, 1)]
    place = np.full(n_agents, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    kept = place[voices.agent] >= 0
    out = np.full((len(chosen), voices.n_voices), np.nan)
    said = voices.beliefs[kept, 0] / (1 if whole else voices.rows[kept])
    out[place[voices.agent[kept]], voices.voice[kept]] = np.clip(said, -1e30, 1e30)
    return out
