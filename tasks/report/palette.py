"""The roles of colour, light and dark: two hues and greys, shape repeats colour."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HEAT_STEPS", "ROLES", "Role", "css_variables"]

HEAT_STEPS = 5
"""Steps of the diverging scale on either side of zero; the last two take card text."""


@dataclass(frozen=True, slots=True)
class Role:
    """One role: its colour on the light and on the dark page."""

    light: str
    dark: str


def _mix(front: str, back: str, share: float) -> str:
    """Lay `share` of one colour over another."""
    pairs = [(int(front[k : k + 2], 16), int(back[k : k + 2], 16)) for k in (1, 3, 5)]
    parts = [round(above * share + below * (1 - share)) for above, below in pairs]
    return "#" + "".join(f"{part:02x}" for part in parts)


def _heat() -> dict[str, Role]:
    """Make the diverging scale: blue above zero, orange below, the card at zero.

    Steps are about equal in lightness and none falls where neither ink nor the colour
    of the card is readable on it.  Blue and orange differ for every colour vision.
    """
    light, dark = (0.12, 0.3, 0.55, 0.82, 1.0), (0.1, 0.24, 0.4, 0.7, 1.0)
    ends = {"p": ("#174a85", "#8fc3f7"), "n": ("#9a3208", "#ffa877")}
    return {
        f"heat-{side}{k + 1}": Role(
            _mix(end_light, "#ffffff", light[k]), _mix(end_dark, "#171c23", dark[k])
        )
        for side, (end_light, end_dark) in ends.items()
        for k in range(HEAT_STEPS)
    }


ROLES: dict[str, Role] = {
    "page": Role("#f6f7f9", "#0f1318"),
    "card": Role("#ffffff", "#171c23"),
    "ink": Role("#1a1f27", "#e8ebf0"),
    "muted": Role("#4f5968", "#a3adbb"),
    "estimate": Role("#1f5fa8", "#7db7f0"),
    "finding": Role("#b3400e", "#ff9d66"),
    "missing": Role("#646b77", "#a0a9b6"),
    "usual": Role("#d3deeb", "#2a3d54"),
    "usual-edge": Role("#7b8fa9", "#6f8bad"),
    "rule": Role("#d5dae1", "#333c48"),
    "finding-tint": Role("#fdf0e9", "#33211a"),
    "missing-tint": Role("#eef0f3", "#232a33"),
    "estimate-tint": Role("#eaf1f9", "#1b2a3b"),
    **_heat(),
}


def css_variables(theme: str) -> str:
    """Declare all roles for "light" or "dark" in the order of the table."""
    return ";".join(f"--{name}:{getattr(role, theme)}" for name, role in ROLES.items())
