"""The roles of colour, light and dark: two hues and greys, shape repeats colour."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ROLES", "Role", "css_variables"]


@dataclass(frozen=True, slots=True)
class Role:
    """One role: its colour on the light and on the dark page."""

    light: str
    dark: str


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
}


def css_variables(theme: str) -> str:
    """Declare all roles for "light" or "dark" in the order of the table."""
    return ";".join(f"--{name}:{getattr(role, theme)}" for name, role in ROLES.items())
