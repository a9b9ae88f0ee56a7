"""Rolled-up windows kept under the hash of what is in them, and changed from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from stats.rolled_up import RolledUp
from stats.summary import InvalidInput, pack, unpack
from stats.window_sums import WindowSums
from storage.checkpoints import CheckpointKey, Checkpoints
from storage.errors import TooLate
from storage.store import BehaviorStore
from tasks.kept_summaries import KeptSummaries
from tasks.rollup import (
    Member,
    RollWork,
    WindowLevels,
    by_site,
    change_levels,
    change_teams,
    difference,
    fold_levels,
)
from tasks.schema_scale import schema_origins

__all__ = ["roll_up", "window_key"]

_TEAMS, _LEVELS = "window-teams", "window-levels"
_VERSIONS = (RolledUp.state_version, WindowSums.state_version)


def window_key(
    members: Sequence[Member], origins: tuple[float, ...], site: str | None = None
) -> CheckpointKey:
    """Key of a window: all that determines its bits, and nothing else.

    Parameters
    ----------
    members : sequence of Member
        At least one.
    origins : tuple of float
        Of the features.
    site : str, optional
        The teams of this site; None for the levels above the teams.
    """
    held = [
        [m.key.dataset, m.key.site, m.key.night, m.key.part, m.sha256]
        for m in sorted(members)
    ]
    name = _LEVELS if site is None else _TEAMS
    text = json.dumps([name, _VERSIONS, repr(origins), held])
    digest = hashlib.sha256(text.encode()).hexdigest()
    newest = max(member.key.night for member in members)
    return CheckpointKey(name, site or "every-site", newest, "window", digest)


def roll_up(
    store: BehaviorStore,
    members: Iterable[Member],
    *,
    bases: Sequence[Sequence[Member]] = (),
    summaries: KeptSummaries | None = None,
) -> WindowLevels:
    """Roll a window up to every level, from the nearest state that is kept.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing: what was not kept is kept, in one commit.
    members : iterable of Member
        What counts in the window; at least one.
    bases : sequence of sequences of Member
        Windows whose states may be kept: earlier revisions, the night before.
    summaries : KeptSummaries, optional
        With those that are in memory already.

    Returns
    -------
    WindowLevels
        The bytes of a fold of all summaries, whatever it was made from.

    Raises
    ------
    storage.errors.TooLate
        When neither a state nor the summaries to make one from are kept.
    InvalidInput
        When there is no member.
    """
    now = sorted(members)
    if not now:
        raise InvalidInput("roll_up: no shard counts. Leave an empty window out.")
    return _Roller(store, now, bases, summaries or KeptSummaries(store)).run()


class _Roller:
    """One roll-up: look for states, change the nearest, keep what is new."""

    def __init__(
        self,
        store: BehaviorStore,
        now: list[Member],
        bases: Sequence[Sequence[Member]],
        summaries: KeptSummaries,
    ) -> None:
        self._checkpoints = Checkpoints(store)
        self._origins = schema_origins(store.schema)
        self._summaries = summaries
        self._now = now
        self._bases = sorted(bases, key=lambda base: _apart(base, now))
        self._work = RollWork()
        self._new: dict[CheckpointKey, bytes] = {}

    def run(self) -> WindowLevels:
        """Return the window, and keep its states."""
        sites = by_site(self._now)
        bases = [by_site(base) for base in self._bases]
        wanted = {
            site: [held, *(base[site] for base in bases if site in base)]
            for site, held in sites.items()
        }
        kept = self._kept(wanted)
        teams = {site: self._site(site, wanted[site], kept) for site in sites}
        levels = self._levels(teams, {site: len(held) for site, held in sites.items()})
        if self._new:
            self._checkpoints.put(self._new)
        return levels

    def _key(self, members: Sequence[Member], site: str | None) -> CheckpointKey:
        return window_key(members, self._origins, site)

    def _kept(
        self, wanted: Mapping[str, Sequence[Sequence[Member]]]
    ) -> dict[CheckpointKey, bytes]:
        """Read what is there: the states themselves, else those of the bases."""
        own = {site: self._key(sets[0], site) for site, sets in wanted.items()}
        found = self._checkpoints.get(own.values())
        others = [
            self._key(members, site)
            for site, sets in wanted.items()
            for members in sets[1:]
            if own[site] not in found
        ]
        return found | self._checkpoints.get(dict.fromkeys(others))

    def _site(
        self,
        site: str,
        sets: Sequence[Sequence[Member]],
        kept: Mapping[CheckpointKey, bytes],
    ) -> RolledUp:
        """Teams of a site: kept, changed from the nearest state, or folded."""
        now, key = sets[0], self._key(sets[0], site)
        if key in kept:
            self._work.kept += 1
            return RolledUp.from_arrays(unpack(kept[key])[2])
        state = self._changed(site, sets, kept)
        if state is None:
            parts = self._summaries.get(now)
            state = RolledUp.fold([parts[member] for member in now])
            self._work.merges += len(now)
            self._work.rebuilt += 1
        self._new[key] = _pack(state)
        return state

    def _changed(
        self,
        site: str,
        sets: Sequence[Sequence[Member]],
        kept: Mapping[CheckpointKey, bytes],
    ) -> RolledUp | None:
        now = sets[0]
        for before in sets[1:]:
            data = kept.get(self._key(before, site))
            if data is None or _apart(before, now) >= len(now):
                continue
            state = RolledUp.from_arrays(unpack(data)[2])
            try:
                found = change_teams(state, before, now, self._summaries, self._work)
            except TooLate:
                # The summaries of the whole window may be there all the same.
                continue
            self._work.changed += 1
            return found
        return None

    def _levels(
        self, teams: Mapping[str, RolledUp], shards: Mapping[str, int]
    ) -> WindowLevels:
        """Levels above the teams: kept, changed, or rolled up from the teams."""
        key = self._key(self._now, None)
        before = {self._key(base, None): base for base in self._bases if base}
        kept = self._checkpoints.get([key, *before])
        if key in kept:
            return _unpack_levels(kept[key], teams, self._work)
        near = next((k for k in before if k in kept), None)
        out, into = difference(() if near is None else before[near], self._now)
        if near is None or len(out) + len(into) >= len(teams):
            found = fold_levels(teams, shards, self._work)
        else:
            parts = self._summaries.get([*out, *into])
            found = change_levels(
                _unpack_levels(kept[near], {}, self._work),
                teams,
                [parts[member] for member in out],
                [parts[member] for member in into],
                self._work,
            )
        self._new[key] = pack(
            _prefixed(found.site, "site") | _prefixed(found.whole, "all"),
            kind=_LEVELS,
            version=RolledUp.state_version,
        )
        return found


def _apart(base: Iterable[Member], now: Iterable[Member]) -> int:
    """How many shards two windows do not share."""
    return len(set(base) ^ set(now))


def _pack(state: RolledUp) -> bytes:
    return pack(state.to_arrays(), kind=_TEAMS, version=RolledUp.state_version)


def _prefixed(state: RolledUp, name: str) -> dict[str, NDArray[Any]]:
    return {f"{name}/{key}": value for key, value in state.to_arrays().items()}


def _unpack_levels(
    data: bytes, teams: Mapping[str, RolledUp], work: RollWork
) -> WindowLevels:
    _, _, arrays = unpack(data)
    site, whole = (
        RolledUp.from_arrays(
            {
                key.removeprefix(f"{name}/"): value
                for key, value in arrays.items()
                if key.startswith(f"{name}/")
            }
        )
        for name in ("site", "all")
    )
    return WindowLevels(dict(teams), site, whole, work)
