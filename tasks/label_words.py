"""Aggregated labels in words: what was decided, whom to trust, who repeats whom."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from stats.label_accuracy import accuracy_interval
from stats.label_audit import AuditScore
from stats.reliability import source_weights
from tasks.keys import Answer
from tasks.label_answers import AggregatedAnswers, LabelOptions

__all__ = ["label_words"]

_COLUMNS = (
    "annotator", "answers", "accuracy", "lower", "upper", "weight", "note",
)  # fmt: skip
_NAMED = 8


def label_words(
    found: AggregatedAnswers, options: LabelOptions, top: int = 20
) -> Answer:
    """Say what annotators say together, and what is known of each.

    Parameters
    ----------
    found : AggregatedAnswers
    options : LabelOptions
        That were asked for.
    top : int
        Annotators in the table: remarkable ones first, then the least accurate.

    Returns
    -------
    Answer
    """
    annotators, groups = _annotators(found), _groups(found)
    post, table = found.posterior, found.table
    contradicted = int(post.contradictions.sum())
    undetermined = [
        str(table.items[int(k)])
        for k in post.tasks[np.flatnonzero(post.undetermined)[:_NAMED]]
    ]
    facts = {
        "rows": len(table.item),
        "n": int(post.answers.sum()),
        "n_effective": float(post.votes.sum()),
        "items": len(post),
        "classes": list(table.classes),
        "method": post.method,
        "asked": options.method,
        "tempering": post.tempering,
        "contradictions": contradicted,
        "labels": _counts(found),
        "undetermined": int(post.undetermined.sum()),
        "audit": _audit(found),
        "together": groups,
        "annotators": annotators,
    }
    lines = [
        *_head(facts),
        *_audit_lines(facts, found.score),
        *_source_lines(groups, contradicted),
        *_item_lines(facts, undetermined),
    ]
    ranked = sorted(annotators, key=lambda a: (not a["note"], a["accuracy"]))
    rows = tuple(_row(one) for one in ranked[:top])
    if len(ranked) > len(rows):
        lines.append(
            f"Annotators shown: {len(rows)} of {len(ranked)}, remarkable ones and the "
            "least accurate first."
        )
    return Answer(facts, tuple(lines), _COLUMNS, rows)


def _annotators(found: AggregatedAnswers) -> list[dict[str, Any]]:
    """What is known of every annotator, in the order of their names."""
    post, names = found.posterior, found.table.annotators
    estimate, lower, upper = accuracy_interval(post)
    weight = source_weights(post)
    out = []
    for at, place in enumerate(post.sources.tolist()):
        notes = []
        if upper[at] <= 1.0 / post.shape[1]:
            notes.append("worse than guessing")
        if (post.linked == post.linked[at]).sum() > 1:
            leader = names[int(post.sources[post.linked[at]])]
            notes.append(f"mistakes as {leader} and others")
        if post.contradictions[at]:
            notes.append(f"contradicts itself on {int(post.contradictions[at]):,}")
        out.append({
            "annotator": names[place],
            "answers": int(post.answers[at]),
            "accuracy": float(estimate[at]),
            "lower": float(lower[at]),
            "upper": float(upper[at]),
            "weight": float(weight[at]),
            "contradictions": int(post.contradictions[at]),
            "note": "; ".join(notes),
        })  # fmt: skip
    return out


def _groups(found: AggregatedAnswers) -> list[list[str]]:
    """Annotators that have one vote together."""
    post, names = found.posterior, found.table.annotators
    members: dict[int, list[str]] = defaultdict(list)
    for place, leader in zip(post.sources.tolist(), post.linked.tolist(), strict=True):
        members[leader].append(names[place])
    return [group for group in members.values() if len(group) > 1]


def _counts(found: AggregatedAnswers) -> dict[str, int]:
    """Items per most probable class, undetermined ones apart."""
    post = found.posterior
    sure = post.label[~post.undetermined]
    counts = np.bincount(sure, minlength=post.shape[1]).tolist()
    return dict(zip(found.table.classes, counts, strict=True))


def _audit(found: AggregatedAnswers) -> dict[str, Any] | None:
    known, score = len(found.table.audit), found.score
    if not known:
        return None
    facts: dict[str, Any] = {"n": known, "unanswered": found.table.unanswered}
    if score is not None:
        error = score.standard_error
        facts |= {
            "right": score.right,
            "log_loss": score.log_loss,
            "standard_error": None if math.isnan(error) else error,
            "by_shares": score.by_shares,
        }
    return facts


def _head(facts: dict[str, Any]) -> list[str]:
    used, asked = facts["method"], facts["asked"]
    method = f"Method: {used}"
    if used != asked:
        method += f" (asked: {asked}; it gets fewer audited items right)"
    beta = facts["tempering"]
    independent = (
        "answers count as independent"
        if beta == 1.0
        else f"an answer counts as {beta:.2g} independent ones"
    )
    return [
        f"n={facts['n']:,} answers of {len(facts['annotators']):,} annotators to "
        f"{facts['items']:,} items, {len(facts['classes'])} classes; worth "
        f"{facts['n_effective']:,.0f} independent answers.",
        f"{method}; tempering {beta:.3g}: {independent}.",
    ]


def _audit_lines(facts: dict[str, Any], score: AuditScore | None) -> list[str]:
    audit = facts["audit"]
    if audit is None:
        return [
            "Audit: none. If most annotators lie or err together, nothing shows it: "
            "have one or two per cent of the items audited."
        ]
    without = (
        f" {audit['unanswered']:,} more have no answer." if audit["unanswered"] else ""
    )
    if score is None:
        return [f"Audit: {audit['n']:,} items are known, none was predicted.{without}"]
    error = "" if score.n < 2 else f" ± {score.standard_error:.2g}"
    return [
        f"Audit: {score.n:,} items are known. Each predicted without itself: "
        f"{score.right:,} right, log loss {score.log_loss:.3g}{error} "
        f"({score.by_shares:.3g} from the shares of classes alone).{without}"
    ]


def _source_lines(groups: list[list[str]], contradicted: int) -> list[str]:
    lines = [
        f"Together: {_some(group)} share more mistakes than chance; one vote."
        for group in groups[:_NAMED]
    ]
    if len(groups) > _NAMED:
        lines.append(f"Together: {len(groups) - _NAMED} more groups.")
    if contradicted:
        lines.append(
            f"Contradictions: {contradicted:,} times an annotator gave one item "
            "several labels; none of these counts."
        )
    return lines


def _item_lines(facts: dict[str, Any], named: list[str]) -> list[str]:
    said = ", ".join(f"{name} {n:,}" for name, n in list(facts["labels"].items())[:20])
    lines = [f"Labels: {said}."]
    n = facts["undetermined"]
    if n:
        more = "" if n <= len(named) else f" and {n - len(named):,} more"
        lines.append(
            f"Undetermined: {n:,} items ({', '.join(named)}{more}): without those who "
            "share mistakes they would be labelled otherwise, or answers alone get "
            "most audited items wrong."
        )
    return lines


def _some(group: list[str]) -> str:
    if len(group) <= _NAMED:
        return ", ".join(group)
    return f"{', '.join(group[:_NAMED])} and {len(group) - _NAMED} more"


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    numbers = (f"{one[name]:.3f}" for name in ("accuracy", "lower", "upper", "weight"))
    return (one["annotator"], f"{one['answers']:,}", *numbers, one["note"])
