"""A reader of a simulated network, and plain checks of what it was promised.

The checks look at sets of versions only; `truth` is what sites issued, also where it
never arrived.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from stats.contracts import view_of
from stats.nights import night_end, nights_between
from stats.refusals import Refused, StalenessExceeded
from stats.staleness import ConsistencyModel, StalenessPolicy
from tests.ledgers import naive_winners

STRONG, CAUSAL, BOUNDED, STATISTICAL, EVENTUAL = ConsistencyModel
SECOND = 1_000_000_000


def settled(entries):
    """Highest version of each key that one content claims: by site and night."""
    known = defaultdict(lambda: defaultdict(set))
    for one in entries:
        known[one.key][one.version].add(one)
    out = defaultdict(lambda: defaultdict(dict))
    for versions in known.values():
        top = versions[max(versions)]
        if len(top) == 1:
            (one,) = top
            out[one.site][one.night][one.part] = one
    return out


def parts_issued(truth):
    """Parts of each night of each site, by its manifest."""
    return {
        (one.site, one.night): one.stated.manifest.parts
        for one in truth
        if one.kind == "manifest"
    }


def dots(entries):
    """Every number that is known, or said to be void."""
    found = {(one.site, one.epoch, one.seq) for one in entries}
    for one in entries:
        said = one.stated.manifest
        found |= {(one.site, one.epoch, seq) for seq in (said.void if said else ())}
    return found


class Reader:
    """Reads under every model now and then; counts answers, and what was broken."""

    def __init__(self, read=view_of):
        self.read = read
        self.seen = None
        self.seen_dots = set()
        self.counts = Counter()
        self.broken = []

    def __call__(self, network):
        """Read at any replica, which may know less than the one before."""
        rng = network.rng
        replica = network.replicas[int(rng.integers(len(network.replicas)))]
        if not replica.known:
            return
        entries, ledger = set(replica.known), replica.value()
        truth = [message.entry for message in network.messages]
        nights = sorted({one.night for one in truth})
        policy = StalenessPolicy(
            int(rng.integers(0, 3)), float(rng.integers(1, 5) * 86_400)
        )
        asked = [None, nights[int(rng.integers(len(nights)))]][int(rng.integers(2))]
        for model in ConsistencyModel:
            given = {"now": network.now, "roster": sorted({one.site for one in truth})}
            if model is CAUSAL:
                given["seen"] = self.seen
            try:
                view = self.read(ledger, asked, model, policy, **given)
            except Refused as refusal:
                self.counts[model, "refused"] += 1
                self._refused(model, refusal, entries, asked)
                continue
            self.counts[model, "answered"] += 1
            self._answered(model, view, entries, truth, network.now)

    def _say(self, model, what):
        self.broken.append(f"{model}: {what}")

    def _refused(self, model, refusal, entries, asked):
        """A refusal has a reason."""
        if model is EVENTUAL or model is STATISTICAL:
            self._say(model, f"refused: {refusal}")
        if model is CAUSAL and refusal.dependency in dots(entries):
            self._say(model, f"waits for {refusal.dependency}, which is known")
        if isinstance(refusal, StalenessExceeded) and not refusal.sites:
            self._say(model, "nobody is beyond the bound")

    def _answered(self, model, view, entries, truth, now):
        upto = {one for one in entries if one.night <= view.night}
        if view.winners != naive_winners(upto)[0]:
            self._say(model, "counts what does not count")
        if model is STRONG:
            declaring = {one.site for one in entries if one.kind == "manifest"}
            self._strong(view, upto, [one for one in truth if one.site in declaring])
        elif model is BOUNDED:
            self._bounded(view, upto, now)
        elif model is CAUSAL:
            self._causal(view, upto, entries)

    def _strong(self, view, upto, truth):
        """Every part that was issued of every night is known, or taken back.

        Of a site that never declared a night nobody can know what is missing.
        """
        found = settled(upto)
        for (site, night), parts in parts_issued(truth).items():
            if night <= view.night and not set(parts) <= set(found[site][night]):
                self._say(STRONG, f"{view.night} without all of {site} {night}")

    def _bounded(self, view, upto, now):
        """No site lacks more nights, or is older, than what is known proves."""
        found = settled(upto)
        for site in {one.site for one in upto}:
            first = min(one.night for one in upto if one.site == site)
            lacking, mark = 0, None
            for night in nights_between(first, view.night):
                here = found[site][night]
                said = here.get("manifest")
                parts = said.stated.manifest.parts if said else ()
                whole = bool(here) and set(parts) <= set(here)
                lacking += not whole
                mark = night if whole and not lacking else mark
            age = None if mark is None else (now - night_end(mark)) / SECOND
            if (
                lacking > view.policy.versions
                or age is None
                or age > view.policy.seconds
            ):
                self._say(BOUNDED, f"{site}: {lacking} nights, {age} s")

    def _causal(self, view, upto, entries):
        known = dots(entries)
        used = {
            dot
            for nights in settled(upto).values()
            for parts in nights.values()
            for one in parts.values()
            for dot in one.stated.deps
        }
        if not used <= known:
            self._say(CAUSAL, f"counts without {sorted(used - known)[0]}")
        if not self.seen_dots <= known:
            self._say(CAUSAL, f"forgot {sorted(self.seen_dots - known)[0]}")
        self.seen_dots |= known
        self.seen = view.clock
