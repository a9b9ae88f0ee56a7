"""Keep the posteriors of a night in the store, and put them into words."""

from __future__ import annotations

from storage.store import BehaviorStore
from tasks.consensus_words import population_words
from tasks.publish_consensus import publish_consensus
from tasks.report.posteriors import Posteriors
from tasks.weigh import Weighed

__all__ = ["keep"]

_SHOWN = 10


def keep(store: BehaviorStore, weighed: Weighed) -> Posteriors:
    """Publish a consensus once, and say what it says.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing.
    weighed : Weighed
        Without a consensus nothing is written.

    Raises
    ------
    StorageError, Locked, Conflict
        When nothing can be committed.
    """
    found = weighed.consensus
    if found is None:
        return Posteriors(kind=weighed.kind, why=weighed.why)
    kept = publish_consensus(store, found)
    words = population_words(found, _SHOWN)
    return Posteriors(
        run=kept.run,
        digest=found.digest,
        lines=words.lines,
        columns=words.columns,
        rows=words.rows,
    )
