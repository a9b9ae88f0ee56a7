"""Verify a store: shards, summaries, results, signatures, history, what was said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from storage.errors import NotFound
from storage.findings import DAMAGE, Finding, is_panic
from storage.integrity import Progress, verify, verify_ledger
from storage.results import read_attributes
from storage.store import BehaviorStore
from storage.verify_history import verify_history
from storage.verify_nodes import verify_nodes
from storage.verify_signatures import verify_signatures
from tasks.keys import Answer
from tasks.ledgers import dataset_rows, ledger_of
from tasks.progress import report_progress
from tasks.publish import Published, published_nights, revisions
from tasks.recomputed import recompute_summaries

__all__ = ["Verified", "describe_verified", "verify_store"]

Found = Iterable[Finding]


@dataclass(slots=True)
class Verified:
    """What was looked at and what is wrong with it.

    Attributes
    ----------
    url, snapshot : str
        The snapshot is empty when the store cannot be opened.
    counts : dict of str to int
        How many of each kind of thing were looked at.
    findings : list of Finding
        Empty when everything is as it should be.
    """

    url: str
    snapshot: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 without a finding, else 1."""
        return 1 if self.findings else 0


def verify_store(url: str, *, quick: bool = False, full: bool = False) -> Verified:
    """Read a store and compare everything with what is said of it; repair nothing.

    Parameters
    ----------
    url : str
    quick : bool
        Leave the arrays of shards alone: documents, ledger, signatures, results.
    full : bool
        Also compute every summary again from its values, and open every snapshot.

    Returns
    -------
    Verified

    Raises
    ------
    NotFound
        When there is no store at all.
    """
    done = Verified(url)
    store = _open(done)
    if store is None:
        return done
    done.snapshot = store.snapshot
    for name, work in _steps(done, store, quick=quick, full=full).items():
        _step(done, name, work)
    return done


def _open(done: Verified) -> BehaviorStore | None:
    opened: list[BehaviorStore] = []

    def work() -> Found:
        opened.append(BehaviorStore.open(done.url))
        return ()

    _step(done, "store", work)
    return opened[0] if opened else None


def _steps(
    done: Verified, store: BehaviorStore, *, quick: bool, full: bool
) -> dict[str, Callable[[], Found]]:
    """Parts of the work by name."""

    def shards() -> Found:
        rows = store.rows()
        done.counts["shards"] = len(rows)
        found = verify_ledger(store)
        if quick:
            return found
        return (*found, *verify(store, rows, True, _progress("shards")))

    def objects() -> Found:
        return verify_nodes(store.reader, progress=_progress("objects", done))

    def signatures() -> Found:
        done.counts["signatures"], found = verify_signatures(store)
        return found

    def history() -> Found:
        done.counts["tags"] = len(store.tags())
        return verify_history(store, full=full)

    def summaries() -> Found:
        watch = _progress("summaries")
        done.counts["recomputed summaries"], found = recompute_summaries(store, watch)
        return found

    steps: dict[str, Callable[[], Found]] = {
        "shards": shards,
        "objects": objects,
        "signatures": signatures,
        "history": history,
        "published": lambda: _published(done, store),
    }
    return steps | ({"summaries": summaries} if full else {})


def _progress(step: str, done: Verified | None = None) -> Progress:
    def told(n: int, total: int) -> None:
        report_progress(step, n, total)
        if done is not None:
            done.counts[step] = total

    return told


def _step(done: Verified, name: str, work: Callable[[], Found]) -> None:
    """Run one part; an error that stops it is a finding, and the others still run.

    Raises
    ------
    NotFound
        When there is no store.
    """
    try:
        done.findings += list(work())
    except BaseException as error:
        missing = isinstance(error, NotFound) and name == "store"
        if missing or not (isinstance(error, DAMAGE) or is_panic(error)):
            raise
        said = str(error).strip()[:400]
        done.findings.append(Finding(name, "store", "a part that can be read", said))


def _published(done: Verified, store: BehaviorStore) -> Found:
    """Hold every published night to the ledger as it was, and to its commit."""
    out: list[Finding] = []
    stated = {
        (c.metadata.get("night"), c.metadata.get("run")): c.metadata
        for c in store.history()
        if "result_digest" in c.metadata
    }
    nights = published_nights(store)
    done.counts["nights"] = len(nights)
    for place, night in enumerate(nights, 1):
        for record in revisions(store, night):
            said = stated.get((night, record.run), {})
            out += _one_night(store, record, said)
        report_progress("published", place, len(nights))
    return out


def _one_night(
    store: BehaviorStore, record: Published, said: dict[str, Any]
) -> list[Finding]:
    root = f"runs/{record.night}/r{record.revision}"
    kept = read_attributes(store, root)
    out = [
        Finding(root, "published", f"{name} {said[name][:12]}", str(kept[name])[:12])
        for name in ("result_digest", "ledger_digest")
        if said and said[name] != kept[name]
    ]
    try:
        then = store.at(record.snapshot)
    except NotFound:
        return out  # let go by retention: what it was made from cannot be listed
    rows = dataset_rows(then, until=record.night)
    found = ledger_of(rows).digest()
    if found != kept["ledger_digest"]:
        expected = f"ledger_digest {kept['ledger_digest'][:12]}"
        out.append(Finding(root, "published", expected, found[:12]))
    return out


def describe_verified(done: Verified) -> Answer:
    """Say what was looked at, and list every finding with what to do."""
    looked = ", ".join(f"{n:,} {name}" for name, n in done.counts.items())
    found = {
        "store": done.url,
        "snapshot": done.snapshot,
        "looked_at": dict(done.counts),
        "findings": [one.as_dict() for one in done.findings],
    }
    lines = [f"{done.url}, snapshot {done.snapshot or 'unreadable'}: {looked}"]
    if not done.findings:
        lines.append("Nothing is wrong.")
        return Answer(found, tuple(lines))
    lines.append(f"{len(done.findings)} findings; nothing was repaired:")
    lines += [str(one) for one in done.findings]
    return Answer(found, tuple(lines))
