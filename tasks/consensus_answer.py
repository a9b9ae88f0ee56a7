"""The consensus about one agent, taken apart: who says what, what would change it."""

from __future__ import annotations

import difflib
import math
from typing import Any

import numpy as np

from stats.byzantine import further_rounds
from stats.logspace import probability_text
from storage.evidence_records import EVIDENCE_TYPES
from tasks.consensus_result import Consensus
from tasks.history.subject import UnknownName

__all__ = ["agent_answer", "place_of"]

_TEN = math.log(10.0)


def place_of(consensus: Consensus, agent: str) -> int:
    """Place of an agent.

    Raises
    ------
    UnknownName
        When nobody spoke of it; names that are close are given.
    """
    at = int(np.searchsorted(consensus.agents, agent))
    if at < len(consensus.agents) and consensus.agents[at] == agent:
        return at
    near = consensus.agents[max(at - 500, 0) : at + 500].tolist()
    close = difflib.get_close_matches(agent, near, n=3, cutoff=0.5)
    hint = f"The closest are {', '.join(close)}." if close else "Check the name."
    raise UnknownName(
        f"consensus: no evidence about agent {agent!r} among {len(consensus.agents)} "
        f"agents. {hint}"
    )


def agent_answer(consensus: Consensus, agent: str) -> dict[str, Any]:
    """Everything that is known about one agent, as plain values.

    Parameters
    ----------
    consensus : Consensus
    agent : str

    Returns
    -------
    dict
        ``agent_id``; ``n``, ``n_eff``; ``hypothesis``, the first one, to which these
        belong: ``log_odds``, ``probability``, ``log_probability``,
        ``log_not_probability``, ``probability_text`` (never 1 where it is not),
        ``error_bound`` of the log-odds, and ``prior_log_odds``; ``decision``, None
        where ``status`` is undetermined or quorum lost; ``leading``; ``evidence`` and
        ``needed`` in nats; ``believed``, log-odds if nobody lied; ``estimate``,
        ``lower``, ``upper`` log-odds of honest
        sources; ``mode``, ``f``; ``byzantine_sources``, proven to be faulty, and
        ``left_out`` with reasons; ``by_source`` and ``by_type``, parts of the log-odds
        before the prior, tempering and weights; ``largest_share`` and
        ``largest_source``; ``sensitivity``:
        probability with the prior odds times 1/10 and 10, and the prior probability at
        which it would be one half; ``would_settle``; ``spoke``, ``silent``, ``known``
        and ``coverage`` of sources; ``age_seconds``; ``arrived``, whose evidence for
        the night is here; ``guarantee``, three sentences; ``snapshot``, ``night``.

    Raises
    ------
    UnknownName
        When nobody spoke of the agent.
    """
    at = place_of(consensus, agent)
    return {
        "agent_id": agent,
        **_posterior(consensus, at),
        **_decision(consensus, at),
        **_parts(consensus, at),
        **_sources(consensus),
        "arrived": consensus.facts.arrived(consensus.sources),
        "tempering": consensus.tempering_text,
        "guarantee": {
            "authenticity": consensus.guarantee.authenticity,
            "sources": consensus.guarantee.sources,
            "workers": consensus.guarantee.workers,
        },
        "night": consensus.facts.night,
        "snapshot": consensus.facts.snapshot,
    }


def _posterior(consensus: Consensus, at: int) -> dict[str, Any]:
    post = consensus.found.posterior
    odds = float(post.log_odds[at, 0])
    flip = float(consensus.prior_flip()[at, 0])
    return {
        "n": int(post.n[at]),
        "n_eff": float(post.effective_n[at]),
        "hypothesis": consensus.hypotheses[0],
        "log_odds": odds,
        "probability": float(post.p[at, 0]),
        "log_probability": float(post.log_p[at, 0]),
        "log_not_probability": float(post.log_not_p[at, 0]),
        "probability_text": probability_text(odds),
        "error_bound": float(post.error[at, 0]),
        "prior_log_odds": flip + odds,
        "sensitivity": {
            "prior odds / 10": probability_text(odds - _TEN),
            "prior odds x 10": probability_text(odds + _TEN),
            "even at prior": probability_text(flip),
            "even at prior log-odds": flip,
        },
    }


def _decision(consensus: Consensus, at: int) -> dict[str, Any]:
    found = consensus.found
    decided, ahead = int(found.hypothesis[at]), int(found.leading[at])
    return {
        "status": consensus.status(at),
        "decision": None if decided < 0 else consensus.hypotheses[decided],
        "leading": None if ahead < 0 else consensus.hypotheses[ahead],
        "evidence": _plain(found.evidence[at]),
        "needed": found.needed,
        "would_settle": _would_settle(consensus, at),
        "believed": float(found.believed[at, 0]),
        "estimate": float(found.estimate[at, 0]),
        "lower": float(found.lower[at, 0]),
        "upper": float(found.upper[at, 0]),
        "mode": consensus.mode_text,
        "f": found.f,
    }


def _parts(consensus: Consensus, at: int) -> dict[str, Any]:
    by_source = _by_source(consensus, at)
    sizes = {name: abs(said["log_ratio"]) for name, said in by_source.items()}
    loudest = max(sizes, key=lambda name: sizes[name], default="")
    whole = sum(sizes.values())
    return {
        "by_source": by_source,
        "by_type": _by_type(consensus, at),
        "largest_share": sizes[loudest] / whole if whole > 0 else None,
        "largest_source": loudest if whole > 0 else None,
        "spoke": sorted(by_source),
        "silent": sorted(set(consensus.sources) - set(by_source)),
        "coverage": len(by_source) / len(consensus.sources),
    }


def _sources(consensus: Consensus) -> dict[str, Any]:
    """What holds of sources whoever they speak of."""
    left_out = consensus.facts.left_out
    return {
        "known": len(consensus.sources),
        "byzantine_sources": sorted({x.source for x in left_out if x.proven}),
        "left_out": [
            {"source": x.source, "reason": x.reason, "what": x.what, "n": x.n}
            for x in left_out
        ],
        "together": [list(group) for group in consensus.together],
        "age_seconds": {
            name: _plain(age) for name, age in consensus.age_seconds.items()
        },
    }


def _plain(value: float) -> float | None:
    """None for NaN, which JSON has not."""
    return float(value) if math.isfinite(value) else None


def _by_source(consensus: Consensus, at: int) -> dict[str, Any]:
    """Who spoke of an agent, and what: rows and log-ratio, the strongest first."""
    said = consensus.said
    part = slice(*np.searchsorted(said.agent, [at, at + 1]))
    own = _against_rest(said.beliefs[part])
    order = np.argsort(-np.abs(own), kind="stable")
    return {
        consensus.sources[said.voice[part][k]]: {
            "n": int(said.rows[part][k]),
            "log_ratio": float(own[k]),
            "suspicion": _plain(consensus.suspicion[said.voice[part][k]]),
            **_weight(consensus, int(said.voice[part][k])),
        }
        for k in order
    }


def _weight(consensus: Consensus, source: int) -> dict[str, float]:
    """How much of what a source says is believed; nothing where all of it is."""
    if consensus.weights is None:
        return {}
    return {"weight": float(consensus.weights.weight[source])}


def _by_type(consensus: Consensus, at: int) -> dict[str, float]:
    own = _against_rest(consensus.by_type[at])
    return {
        kind: float(value)
        for kind, value in zip(EVIDENCE_TYPES, own, strict=True)
        if value
    }


def _against_rest(beliefs: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """Log-likelihood of the first hypothesis less the best of the others, (p,)."""
    return beliefs[:, 0] - beliefs[:, 1:].max(axis=1)


def _would_settle(consensus: Consensus, at: int) -> str:
    """What has to happen before a decision is certified."""
    found = consensus.found
    status = consensus.status(at)
    if found.f == 0 or status in ("certified", "supported"):
        return ""
    if status == "quorum lost":
        need, have = 2 * found.f + 1, int(found.spoke[at])
        return (
            f"{have} of {found.voices.n_voices} sources spoke; robust({found.f}) needs "
            f"{3 * found.f + 1} known ones and {need} that speak."
        )
    lead = max(int(found.leading[at]), 0)
    x = found.voices.table(at, at + 1)
    more = float(
        further_rounds(x, np.array([lead]), found.f, rounds=1, error=consensus.error)[0]
    )
    if not math.isfinite(more):
        return (
            f"More than {found.f} sources have to tell the hypotheses apart; "
            f"{int(found.margin[at])} do, and time alone does not help."
        )
    if more == 0.0:
        return "The evidence is enough, but the prior outweighs it."
    return f"{more + 1:.1f} times as much evidence of the same kind."
