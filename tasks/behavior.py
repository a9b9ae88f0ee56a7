"""Agents reporting one by one: the online tree for code that awaits its answers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from stats.moments import GroupMoments
from stats.online import HierarchicalStatisticalTree
from stats.online_results import STATUS
from stats.summary import InvalidInput, merge_all

__all__ = [
    "AgentBehavioralData",
    "BehavioralDistributedProtocol",
    "HierarchicalStatisticalTree",
]


@dataclass(frozen=True, slots=True)
class AgentBehavioralData:
    """What an agent reports.

    Features have shape (d,), NaN is missing; the timestamp, seconds UTC, identifies
    the report with the agent; its own anomaly score is kept, and believed by nothing.
    """

    agent_id: str
    feature_vector: ArrayLike
    timestamp: float
    anomaly_score: float = 0.0


class BehavioralDistributedProtocol:
    """Score what agents report against every level, and pass it on.

    The tree is a new one with its defaults if none is given; alpha, in (0, 1), is the
    share of ordinary reports that may be called anomalies.
    """

    def __init__(
        self, tree: HierarchicalStatisticalTree | None = None, *, alpha: float = 0.01
    ) -> None:
        if not 0.0 < alpha < 1.0:
            raise InvalidInput(
                f"BehavioralDistributedProtocol: alpha {alpha}. Give one in (0, 1)."
            )
        self.tree = HierarchicalStatisticalTree() if tree is None else tree
        self.alpha = alpha

    async def update_agent_behavior(self, data: AgentBehavioralData) -> dict[str, Any]:
        """Score one report, then take it in; an agent that is new joins first.

        Returns
        -------
        dict
            ``agent_id``; ``status``: taken, repeat or too_old (these are not scored);
            ``is_anomaly``: one test over all levels (Simes) at alpha; its ``p_value``,
            None while no level has enough rows; ``anomaly_score``: 1 - p, or 0.0;
            ``level`` that decided, ``n`` rows of it; ``baseline`` of the root after
            this; ``propagation_path``: nodes from leaf to root; ``update_time_ms``.

        Raises
        ------
        InvalidInput
            As `HierarchicalStatisticalTree.update_agent_behavior`, or for a time that
            is not finite.  Then nothing was taken in, and no agent joined.
        """
        start = time.perf_counter()
        when = _nanoseconds(data.timestamp)
        agent_id, tree = data.agent_id, self.tree
        scores = tree.update_agent_behavior(
            agent_id, data.feature_vector, when, join=True
        )
        p, at = float(scores.p_value()[0]), int(scores.decisive_level()[0])
        return {
            "agent_id": agent_id,
            "status": STATUS[int(scores.status[0])],
            "is_anomaly": p <= self.alpha,
            "anomaly_score": 0.0 if math.isnan(p) else 1.0 - p,
            "p_value": None if math.isnan(p) else p,
            "level": None if at < 0 else scores.levels[at],
            "n": int(scores.n[0, at]),
            "baseline": tree.get_global_behavioral_baseline(),
            "propagation_path": tree.path(agent_id).tolist(),
            "update_time_ms": (time.perf_counter() - start) * 1e3,
        }

    def behavioral_to_network_adapter(
        self, result: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Say how severe a result of `update_agent_behavior` is, for the network side.

        Returns
        -------
        dict
            ``agent_id``, ``is_anomaly``, ``n``; ``severity``: 1 - p, the share of
            ordinary reports that are less extreme; ``surprise``: -log10 p, which tells
            apart what severity rounds to 1.  Both are 0.0 without a p.
        """
        p = result["p_value"]
        return {
            "agent_id": result["agent_id"],
            "severity": 0.0 if p is None else 1.0 - p,
            "surprise": 0.0 if p is None else -math.log10(max(p, 5e-324)),
            "is_anomaly": bool(result["is_anomaly"]),
            "n": int(result["n"]),
        }

    def distributed_baseline_aggregator(
        self, baselines: Iterable[GroupMoments]
    ) -> dict[str, Any]:
        """Merge baselines that were computed apart, exactly and in any order.

        Returns
        -------
        dict
            ``moments`` (GroupMoments), ``n`` and ``mean`` (g, d), ``covariance``
            (g, d, d), ``sources``, and ``digest``: equal whenever the rows are.

        Raises
        ------
        InvalidInput
            For none, or for baselines that do not fit each other.
        """
        merged = merge_all(parts := list(baselines))
        return {
            "moments": merged,
            "n": merged.count,
            "mean": merged.mean(),
            "covariance": merged.covariance(),
            "sources": len(parts),
            "digest": merged.digest(),
        }


def _nanoseconds(timestamp: float) -> int:
    try:
        return round(timestamp * 1_000_000_000)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(
            f"timestamp {timestamp!r} is no time ({error}). Give seconds UTC."
        ) from error
