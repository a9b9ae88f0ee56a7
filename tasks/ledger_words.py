"""The answer of the ledger as lines and a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["all_sites", "one_site"]

Shown = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, ...], ...]]

_ROWS = 40
_GAPS = 6
_STATES = ("applied", "superseded", "retracted", "quarantined")


def all_sites(found: Mapping[str, Any]) -> Shown:
    """Lines, columns and one row per site."""
    sites = found["sites"]
    beyond = [one["site"] for one in sites if not one["within"]]
    open_gaps = sum(len(one["gaps"]) for one in sites)
    lines = [
        *_head(found),
        f"{len(beyond)} of {len(sites)} sites beyond the bound of "
        f"{_limits(found)}{': ' if beyond else ''}{', '.join(beyond[:8])}"
        f"{', ...' if len(beyond) > 8 else ''}; {open_gaps} open gaps in numbers.",
    ]
    columns = (
        "site", "versions", "applied", "superseded", "retracted", "quarantined",
        "repeated", "epochs", "clock", "gaps", "complete until", "missing nights",
        "age",
    )  # fmt: skip
    return tuple(lines), columns, tuple(_site_row(one) for one in sites)


def one_site(found: Mapping[str, Any]) -> Shown:
    """Lines on a site, columns and its newest versions."""
    (one,) = found["sites"]
    counts = ", ".join(f"{one[name]} {name}" for name in _STATES)
    epochs = ", ".join(str(epoch) for epoch in one["epochs"])
    gaps = _some(one["gaps"]) or "none"
    lost = f"; lost for good {_some(one['lost'])}" if one["lost"] else ""
    missing = _some(one["missing"]) or "none"
    lines = [
        *_head(found),
        f"{one['site']}: n={one['versions']} versions: {counts}; {one['repeated']} say "
        f"again what was said, {one['contradicted']} contradict each other.",
        f"Epochs {epochs}; clock {_clock(one)}; gaps in numbers: {gaps}{lost}.",
        f"Complete until {one['watermark'] or 'no night'}"
        f"{' (as declared)' if one['declared'] else ''}, heard of until "
        f"{one['heard'] or 'no night'}; missing nights: {missing}.",
        f"Age {_age(one)}; bound {_limits(found)}: "
        f"{'within' if one['within'] else 'beyond'}.",
        f"Digest {one['digest']}",
    ]
    known = found["known"]
    if len(known) > _ROWS:
        lines.append(f"The newest {_ROWS} of {len(known)} versions; --json has all.")
    columns = ("night", "part", "version", "kind", "state", "n", "content")
    rows = (
        (
            row["night"], row["part"], row["version"], row["kind"], row["state"],
            f"{row['n']:,}", row["sha256"][:12],
        )
        for row in known[-_ROWS:]
    )  # fmt: skip
    return tuple(lines), columns, tuple(rows)


def _head(found: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{found['dataset']}: n={found['versions']} versions, night {found['night']}, "
        f"{found['arrived_mass']:.1%} of {found['mass_unit']} arrived, "
        f"{found['state']}; complete everywhere until "
        f"{found['watermark'] or 'no night'}, at 95 % until "
        f"{found['common_watermark'] or 'no night'}.",
        f"Snapshot {found['snapshot']} of {found['committed_at']}, ages at "
        f"{found['now']}, ledger {found['digest']}",
    )


def _site_row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        one["site"],
        *(f"{one[name]:,}" for name in ("versions", *_STATES, "repeated")),
        ",".join(str(epoch) for epoch in one["epochs"]),
        _clock(one),
        str(len(one["gaps"])) + (f" +{len(one['lost'])} lost" if one["lost"] else ""),
        one["watermark"] or "-",
        str(len(one["missing"])),
        _age(one),
    )


def _clock(one: Mapping[str, Any]) -> str:
    """Every number up to the prefix, and how many beyond the first gap."""
    clock = one["clock"]
    beyond = f"+{len(clock['dots'])}" if clock["dots"] else ""
    return f"{clock['epoch']}-{clock['prefix']}{beyond}"


def _age(one: Mapping[str, Any]) -> str:
    """Hours, at least so many where what was announced is not known."""
    age = one["staleness"]
    if age is None:
        return "left"
    if age["seconds"] is None:
        return "never complete"
    return f"{'≥ ' if age['is_lower_bound'] else ''}{age['seconds'] / 3600:,.1f} h"


def _limits(found: Mapping[str, Any]) -> str:
    limits = found["limits"]
    return f"{limits['versions']} nights and {limits['seconds'] / 3600:g} h"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _GAPS} more" if len(names) > _GAPS else ""
    return ", ".join(names[:_GAPS]) + more
