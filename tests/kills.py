"""Kill commands of the user at chosen moments, and look at what they leave behind."""

from __future__ import annotations

import json
import logging
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storage.integrity import verify
from storage.results import read_attributes, read_results
from storage.store import BehaviorStore
from tasks.publish import latest, published_nights, revisions
from tasks.stale import marked_nights
from tests.command_server import COMMIT, DONE, PAGE, TAG, WRITE, CommandServer

_LOG = logging.getLogger(__name__)
# Seconds after a step began within which it is killed, so that it is hit inside.
_WITHIN = {WRITE: 0.05, COMMIT: 0.004, TAG: 0.002, PAGE: 0.0005}


@dataclass(frozen=True)
class Scenario:
    """A command that is killed, and how a home for it is made.

    Attributes
    ----------
    name : str
    words : tuple of str
        Of the command, without the home.
    prepare : callable
        Makes the home in a folder and returns it.
    """

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Path], Path]

    def command(self, home: Path) -> list[str]:
        return [*self.words, "--home", str(home), "--json"]


@dataclass
class Ended:
    """How a command ended: status, what it said, and whether it was killed inside.

    Attributes
    ----------
    status : int
    said : str
        The letters of `tests.command_server`, in order.
    """

    status: int
    said: str

    @property
    def phase(self) -> str:
        """What the process was doing when it was killed; done for between steps."""
        return self.said[-1] if self.said else DONE

    @property
    def commits(self) -> int:
        """Commits that returned."""
        return self.said.count(f"{COMMIT}{DONE}")


@dataclass
class Study:
    """Kills by command and phase they hit; those between steps are counted as done."""

    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    completed: int = 0

    def __str__(self) -> str:
        said = ", ".join(f"{who} {p} {n}" for (who, p), n in sorted(self.hits.items()))
        return f"Study: completed={self.completed} | {said}"


def run(
    server: CommandServer,
    words: Sequence[str],
    rng: random.Random,
    aim: str = "",
    nth: int = 0,
) -> Ended:
    """Run a command; kill it within the n-th time it does what `aim` says, if any."""
    running = server.start(words)
    said, killed = "", False
    while True:
        found = running.hear()
        if found == "" and said:
            return Ended(running.wait(), said)
        said += found or ""
        if aim and not killed and said.count(aim) >= nth:
            time.sleep(rng.uniform(0, _WITHIN[aim]))
            running.kill()
            killed = True
        elif not found:
            time.sleep(0.0005)


def look_at(home: Path, before: Seen, ended: Ended) -> Seen:
    """Assert that nothing acknowledged is lost, nothing torn; return what is there."""
    now = seen(home)
    assert before.shards <= now.shards, f"lost {before.shards - now.shards}"
    assert before.tags <= now.tags, f"lost {before.tags - now.tags}"
    added = now.commits - before.commits
    assert ended.commits <= added <= ended.commits + 1, f"{added} commits, {ended}"
    store = BehaviorStore.open(str(home / "store"))
    found = verify(store, full=True)
    assert not found, f"torn: {found}"
    for night in published_nights(store):
        for published in revisions(store, night):
            root = f"runs/{night}/r{published.revision}"
            for name in read_attributes(store, root)["datasets"]:
                assert read_results(store, f"{root}/{name}")
    for page in (home / "reports").rglob("*.html"):
        if not any(part.startswith(".") for part in page.relative_to(home).parts):
            assert page.read_text("utf-8").rstrip().endswith("</html>"), page
    for numbers in (home / "reports").rglob("[!.]*.json"):
        json.loads(numbers.read_text("utf-8"))
    return now


@dataclass(frozen=True)
class Seen:
    """What a home holds: identities of shards, tags, and the number of commits."""

    shards: frozenset[tuple[str, str, str]]
    tags: frozenset[str]
    commits: int


def seen(home: Path) -> Seen:
    """Look into a store."""
    store = BehaviorStore.open(str(home / "store"))
    return Seen(
        frozenset((str(r.key), str(r.version), r.sha256) for r in store.rows()),
        frozenset(store.tags()),
        len(store.history()),
    )


def outcome(home: Path) -> dict[str, object]:
    """What has to be the same whether or not anything was killed on the way."""
    store = BehaviorStore.open(str(home / "store"))
    standing = [latest(store, night) for night in published_nights(store)]
    return {
        "shards": seen(home).shards,
        "nights": {
            p.night: (p.revision, p.result_digest) for p in standing if p is not None
        },
        "out of date": marked_nights(home / "reports"),
        "pages": {
            str(page.relative_to(home)): "Superseded: revision"
            in page.read_text("utf-8")
            for page in sorted((home / "reports").glob("2*/r*/index.html"))
        },
        "left": sorted(str(p.name) for p in (home / "reports").rglob("*.partial")),
    }


def kill_again_and_again(
    server: CommandServer,
    scenario: Scenario,
    folder: Path,
    *,
    wanted: dict[str, int],
    chain: int = 6,
    seed: int = 1,
) -> Study:
    """Kill a command until every phase was hit as often as is wanted.

    One home is killed up to `chain` times, looked at after each kill, and then has to
    come to what an undisturbed run comes to.

    Parameters
    ----------
    server : CommandServer
    scenario : Scenario
    folder : Path
    wanted : dict of phase to int
    chain : int
    seed : int
    """
    rng, study = random.Random(seed), Study()
    calm = scenario.prepare(folder / "undisturbed")
    whole = run(server, scenario.command(calm), rng)
    assert whole.status == 0, server.log.read_text()[-3000:]
    expected, attempt = outcome(calm), 0
    while any(study.hits[scenario.name, phase] < n for phase, n in wanted.items()):
        attempt += 1
        home = scenario.prepare(folder / f"home-{attempt}")
        there, ended = seen(home), Ended(-1, "")
        for _ in range(chain):
            short = [p for p, n in wanted.items() if study.hits[scenario.name, p] < n]
            if not short:
                break
            aim = rng.choice(short)
            nth = rng.randint(1, max(1, whole.said.count(aim)))
            ended = run(server, scenario.command(home), rng, aim, nth)
            there = look_at(home, there, ended)
            if ended.status != -signal.SIGKILL:
                break
            study.hits[scenario.name, ended.phase] += 1
            _LOG.info("%s: aimed at %s, hit %s", study, aim, ended.phase)
        if ended.status != 0:
            ended = run(server, scenario.command(home), rng)
        assert ended.status == 0, server.log.read_text()[-3000:]
        assert outcome(home) == expected
        study.completed += 1
        shutil.rmtree(home)
    return study
