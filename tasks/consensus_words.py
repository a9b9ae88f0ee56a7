"""A consensus in words: for the whole population, or for one agent."""

from __future__ import annotations

from typing import Any

import numpy as np

from stats.logspace import probability_text
from stats.source_consensus import STATUSES
from tasks.consensus_answer import agent_answer
from tasks.consensus_result import Consensus
from tasks.keys import Answer

__all__ = ["agent_words", "population_words"]

_COLUMNS = (
    "agent", "n", "n_eff", "probability", "log-odds", "honest range", "status",
    "sources", "largest share",
)  # fmt: skip
# Sources whose weight is named.
_LEAST = 8


def population_words(consensus: Consensus, top: int = 20) -> Answer:
    """Say what was decided, what it rests on, and who is most likely.

    Parameters
    ----------
    consensus : Consensus
    top : int
        Agents in the table: decided ones first, then by log-odds.

    Returns
    -------
    Answer
    """
    found, facts = consensus.found, consensus.facts
    counts = np.bincount(found.status, minlength=len(STATUSES))
    states = {name: int(k) for name, k in zip(STATUSES, counts, strict=True) if k}
    decided = np.bincount(found.hypothesis[found.hypothesis >= 0],
                          minlength=len(consensus.hypotheses))  # fmt: skip
    order = np.lexsort((-found.posterior.log_odds[:, 0], found.hypothesis != 0))
    chosen = [consensus.agents[k] for k in order[:top]]
    answers = [agent_answer(consensus, str(agent)) for agent in chosen]
    about: dict[str, Any] = {
        **consensus.about(),
        "agents": len(consensus.agents),
        "sources": len(consensus.sources),
        "spoke": len(consensus.spoke),
        "states": states,
        "decided": {
            name: int(k) for name, k in zip(consensus.hypotheses, decided, strict=True)
        },
        "top": [_short(answer) for answer in answers],
    }
    lines = [
        f"n={consensus.n:,} rows, worth {consensus.n_eff:,.0f} independent ones, about "
        f"{len(consensus.agents):,} agents by {len(consensus.spoke)} of "
        f"{len(consensus.sources)} sources; mode {consensus.mode_text}, "
        f"{len(facts.nights)} nights to {facts.night}.",
        "Decided: "
        + ", ".join(f"{k:,} {name}" for name, k in about["decided"].items())
        + "; "
        + ", ".join(f"{k:,} {name}" for name, k in states.items())
        + ".",
        *_common(consensus),
    ]
    rows = tuple(_row(answer) for answer in answers)
    return Answer(about, tuple(lines), _COLUMNS, rows)


def agent_words(consensus: Consensus, agent: str) -> Answer:
    """Say what is held of one agent, who says it, and what would change it.

    Raises
    ------
    UnknownName
        When nobody spoke of the agent.
    """
    found = agent_answer(consensus, agent)
    moved = found["sensitivity"]
    held = found["decision"] or f"{found['leading'] or 'nothing'} is ahead"
    lines = [
        f"{agent}: {found['status']}, {held}.",
        f"n={found['n']:,} rows, worth {found['n_eff']:.1f} independent ones, by "
        f"{len(found['spoke'])} of {found['known']} sources; mode {found['mode']}.",
        f"Probability of {found['hypothesis']}: {found['probability_text']} (log-odds "
        f"{found['log_odds']:.2f}, prior {found['prior_log_odds']:.2f}).",
        *_against_liars(found),
        f"With a tenth of the prior odds {moved['prior odds / 10']}, with ten times "
        f"{moved['prior odds x 10']}; one half at a prior of {moved['even at prior']}.",
    ]
    if found["would_settle"]:
        lines.append(f"What would settle it: {found['would_settle']}")
    if found["by_type"]:
        parts = [f"{kind} {value:+.2f}" for kind, value in found["by_type"].items()]
        lines.append(f"By type: {', '.join(parts)}.")
    if found["silent"]:
        lines.append(f"Silent about it: {', '.join(found['silent'])}.")
    lines += _common(consensus)
    rows = tuple(
        (
            name, f"{said['n']:,}", f"{said['log_ratio']:+.2f}",
            _age(found["age_seconds"][name]), _number(said["suspicion"]),
            *([f"{said['weight']:.2f}"] if "weight" in said else []),
        )
        for name, said in found["by_source"].items()
    )  # fmt: skip
    columns = ("source", "n", "says (log-ratio)", "newest, hours ago", "suspicion")
    weight = () if consensus.weights is None else ("weight",)
    return Answer(found, tuple(lines), (*columns, *weight), rows)


def _against_liars(found: dict[str, Any]) -> list[str]:
    """What is left whoever lies, and what it would be if nobody did."""
    if found["f"] == 0:
        return []
    proven = "no" if found["evidence"] is None else f"{found['evidence']:.2f}"
    return [
        f"Whichever {found['f']} sources lie, {proven} nats are left for "
        f"{found['leading'] or 'nothing'}; {found['needed']:.2f} are needed. Honest "
        f"sources alone give log-odds from {found['lower']:.2f} to "
        f"{found['upper']:.2f}; if nobody lied it were {found['believed']:.2f}."
    ]


def _common(consensus: Consensus) -> list[str]:
    """What holds for all: what arrived, tempering, who is left out, guarantee."""
    lines = [
        consensus.facts.arrived(consensus.sources),
        f"Dependence: {consensus.tempering_text}.",
    ]
    lines += [
        f"Left out: {found.source}, {found.reason}: {found.what}."
        for found in consensus.facts.left_out
    ]
    for group in consensus.together:
        how = "one voice" if consensus.shared else "counted apart as was asked for"
        lines.append(f"Not independent: {', '.join(group)}; {how}.")
    if consensus.weights is not None:
        believed = zip(consensus.sources, consensus.weights.weight, strict=True)
        least = sorted(believed, key=lambda pair: (pair[1], pair[0]))[:_LEAST]
        said = ", ".join(f"{name} {weight:.2f}" for name, weight in least)
        lines.append(f"Weights: learnt without audits, the smallest: {said}.")
    if consensus.facts.repeated:
        lines.append(f"{consensus.facts.repeated:,} rows came twice and count once.")
    guarantee = consensus.guarantee
    return [*lines, guarantee.authenticity, guarantee.sources, guarantee.workers]


def _short(answer: dict[str, Any]) -> dict[str, Any]:
    """What the table of a population shows of an agent."""
    names = (
        "agent_id", "n", "n_eff", "probability", "log_odds", "lower", "upper", "status",
        "decision", "leading", "largest_share", "largest_source",
    )  # fmt: skip
    return {name: answer[name] for name in names}


def _row(answer: dict[str, Any]) -> tuple[str, ...]:
    share, who = answer["largest_share"], answer["largest_source"]
    return (
        answer["agent_id"], f"{answer['n']:,}", f"{answer['n_eff']:.1f}",
        probability_text(answer["log_odds"]), f"{answer['log_odds']:.2f}",
        f"{answer['lower']:.2f} to {answer['upper']:.2f}", answer["status"],
        f"{len(answer['spoke'])} of {answer['known']}",
        "-" if share is None else f"{share:.0%} {who}",
    )  # fmt: skip


def _age(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds / 3_600:,.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
