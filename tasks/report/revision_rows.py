"""What a revision moved: frozen values for the page, the JSON and the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Figure", "MovedFigure", "Revised"]

Figure = Literal["tonight", "window"]


@dataclass(frozen=True, slots=True)
class MovedFigure:
    """One mean that is another number now.

    Attributes
    ----------
    level, group, feature, unit : str
    figure : {"tonight", "window"}
        Mean of the night, or of the nights before it.
    before, now : float or None
        None for a group without a value.
    widths : float or None
        How far it moved in widths of the 95 % interval that was given before.
    """

    level: str
    group: str
    feature: str
    unit: str
    figure: Figure
    before: float | None
    now: float | None
    widths: float | None


@dataclass(frozen=True, slots=True)
class Revised:
    """The difference between two revisions of one night.

    Attributes
    ----------
    of : int
        The revision that was replaced.
    compared, moved : int
        Means of the night and of its window, at every level; those that moved.
    figures : tuple of MovedFigure
        The first 40: all before sites before teams, farthest first.
    """

    of: int
    compared: int
    moved: int
    figures: tuple[MovedFigure, ...]
