"""What an investigation says in words: one title, one paragraph, from the same values.

Page, command line and artifact use these and nothing else, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tasks.history.record import History, HistoryNight, Place
from tasks.report.wording import (
    count,
    day,
    decimals_for,
    join_words,
    number,
    p_phrase,
    percent,
    probability,
    quantity,
    span,
)

__all__ = ["Answer", "answer", "by_chance", "digits", "main_feature", "place_name"]

_NAMED = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """The title, the paragraph as sentences, and the two chips above them.

    `marked` are the nights that stand out, at any place.
    """

    title: str
    sentences: tuple[str, ...]
    finding: str
    missing: str
    marked: tuple[str, ...]

    @property
    def text(self) -> str:
        """The paragraph."""
        return " ".join(self.sentences)


def answer(history: History) -> Answer:
    """Say what an investigation found."""
    length = len(history.places[0].nights)
    present = _nights(history, lambda n: n.state == "present")
    marked = _nights(history, lambda n: n.marked)
    silent = sorted({p.site for p in history.places for n in p.nights if _lost(n)})
    seen = f"{history.name}: {number(len(present))} of {count(length, 'night')}"
    tested = any(n.p is not None or n.published for p in history.places
                 for n in p.nights)  # fmt: skip
    if marked:
        days = _days(marked)
        title = f"{seen}, stood out on {number(len(marked))}: {days}"
        finding = f"Stood out on {count(len(marked), 'night')}"
    elif tested:
        title, finding = f"{seen}, stood out on none", "Nothing stands out"
    else:
        title, finding = f"{seen}, none could be tested", "Not tested"
    missing = f"{join_words(silent)} silent on some nights" if silent else ""
    sentences = [
        _where(history),
        *(_lead(history, place) for place in history.places[:1]),
        _furthest(history),
        _published(history),
        _changed(history),
        _missing(history),
        _corrected(history),
    ]
    told = tuple(s for s in sentences if s)
    return Answer(title, told, finding, missing, tuple(marked))


def place_name(place: Place) -> str:
    """How a place is spoken of: an agent's team, else the team or site itself."""
    return place.team or place.site


def digits(place: Place, j: int) -> int:
    """Decimals of a feature at a place, by how much its nights usually differ."""
    sd = place.baseline[j].sd
    if sd is None or sd <= 0:
        known = [n.features[j].mean for n in place.present]
        values = [v for v in known if v is not None]
        sd = (max(values) - min(values)) / 4 if values else None
    return max(0, decimals_for(sd))


def main_feature(night: HistoryNight) -> int | None:
    """Feature with the largest share of the night's distance."""
    shares = [(f.share, -j) for j, f in enumerate(night.features) if f.share]
    return -max(shares)[1] if shares else None


def _lost(night: HistoryNight) -> bool:
    return night.state in ("silent", "refused")


def _nights(history: History, wanted: Callable[[HistoryNight], bool]) -> list[str]:
    return sorted({n.night for p in history.places for n in p.nights if wanted(n)})


def _days(nights: list[str]) -> str:
    named = [day(night) for night in nights[:_NAMED]]
    rest = len(nights) - len(named)
    return join_words([*named, f"{rest} more"] if rest else named)


def _where(history: History) -> str:
    if history.kind == "site":
        return ""
    if history.kind == "team":
        return f"A {history.team_noun} at {history.places[0].site}."
    parts = [
        f"in {p.team} at {p.site} on {count(len(p.present), 'night')}"
        for p in history.places[:_NAMED]
    ]
    rest = len(history.places) - len(parts)
    more = [f"in {count(rest, 'more place')}"] if rest else []
    return f"Seen {join_words([*parts, *more])}."


def _lead(history: History, place: Place) -> str:
    """Where the lead feature usually is and how often it was beyond that."""
    j = history.lead_index
    own, (_, label, unit) = place.baseline[j], history.features[j]
    places = digits(place, j)
    here = f" in {place.team}" if len(history.places) > 1 else ""
    if own.usual_lower is None or own.usual_upper is None:
        had = count(own.nights, "night")
        return f"{label}{here} has no usual range yet: {had} before, 14 needed."
    values = [n.features[j].mean for n in place.present]
    known = [v for v in values if v is not None]
    beyond = sum(not own.usual_lower <= v <= own.usual_upper for v in known)
    usual = span(own.usual_lower, own.usual_upper, places)
    return (
        f"{label}{here} is usually {f'{usual} {unit}'.rstrip()}; "
        f"{beyond} of {count(len(known), 'night')} lay beyond that, "
        f"{by_chance(own.nights, len(known))} would by chance."
    )


def by_chance(before: int, nights: int) -> str:
    """Say how many of `nights` like those before lie beyond their usual range.

    A new value falls into each gap between n old ones with probability 1 / (n + 1),
    and the range ends 2.5 % of n - 1 gaps from either end: 8 % for 60 nights, 18 % for
    14.  Where a gap is cut it is taken as evenly filled.
    """
    expected = nights * 2.0 * (1.0 + 0.025 * (before - 1)) / (before + 1)
    return "less than 1" if expected < 0.5 else f"about {number(expected)}"


def _furthest(history: History) -> str:
    """The night with the lowest p, and what it came from."""
    tested = [(n.p, n.night, p, n) for p in history.places for n in p.nights
              if n.p is not None]  # fmt: skip
    if not tested:
        reasons = {p.reference.why_not for p in history.places} - {""}
        return f"No night could be tested: {min(reasons)}." if reasons else ""
    lowest = min(tested, key=lambda t: (t[0], -(t[3].distance or 0.0), t[1]))
    p, night, place, found = lowest
    other = history.team_noun if history.kind == "agent" else "usual"
    start = f"Furthest from its {other} on {day(night)} ({p_phrase(p)})"
    j = main_feature(found)
    if j is None:
        return f"{start}."
    feature, (_, label, unit) = found.features[j], history.features[j]
    places = digits(place, j)
    value = quantity(feature.mean, unit, places)
    compared = ""
    if history.kind == "agent":
        compared = f", its {history.team_noun} {number(feature.around, places)}"
    elif place.baseline[j].usual_median is not None:
        compared = f", usually {number(place.baseline[j].usual_median, places)}"
    share = percent(feature.share or 0.0)
    return f"{start}, {share} of it by {label.lower()}: {value}{compared}."


def _published(history: History) -> str:
    if not history.published_nights:
        return "No report of these nights is published."
    found = {
        n.night: n.published.q
        for p in history.places
        for n in p.nights
        if n.published and n.published.found
    }
    reports = count(len(history.published_nights), "published report")
    if not found:
        return f"It was not found in {reports} of these nights."
    said = [f"{day(night)} (q {_equal(q)})" for night, q in sorted(found.items())]
    shown = said[:_NAMED]
    rest = len(said) - len(shown)
    listed = join_words([*shown, f"{rest} more"] if rest else shown)
    return f"Of {reports}, found on {listed}."


def _changed(history: History) -> str:
    """The kinds of change that reports saw against the agent's own past."""
    found = {
        (n.published.change, n.published.since): n.night
        for p in history.places
        for n in reversed(p.nights)
        if n.published and n.published.change
    }
    said = [
        f"{kind}{f' since {day(since)}' if since else ''} (report of {day(night)})"
        for (kind, since), night in sorted(found.items(), key=lambda item: item[1])
    ]
    shown = said[:_NAMED]
    rest = len(said) - len(shown)
    listed = join_words([*shown, f"{rest} more"] if rest else shown)
    return f"Against its own past: {listed}." if said else ""


def _equal(q: float | None) -> str:
    text = probability(q)
    return text if text.startswith("<") else f"= {text}"


def _missing(history: History) -> str:
    parts = []
    for site in sorted({p.site for p in history.places}):
        places = [p for p in history.places if p.site == site]
        lost = sum(_lost(n) for n in places[0].nights)
        if lost:
            parts.append(f"{site} delivered nothing on {count(lost, 'night')}")
    absent = [
        night
        for night in {n.night for n in history.places[0].nights}
        if all(_at(p, night).state == "absent" for p in history.places)
    ]
    if absent and history.kind == "agent":
        parts.append(f"it was absent on {count(len(absent), 'night')}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _at(place: Place, night: str) -> HistoryNight:
    return next(n for n in place.nights if n.night == night)


def _corrected(history: History) -> str:
    nights = _nights(history, lambda n: bool(n.corrections))
    if not nights:
        return ""
    moved = _nights(history, lambda n: any(c.moved for c in n.corrections))
    said = f"Files of {count(len(nights), 'night')} came late or were corrected"
    if history.kind != "agent":
        return f"{said}."
    return f"{said}; its own values moved on {number(len(moved))} of them."
