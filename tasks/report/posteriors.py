"""What a report says of the posteriors of its night."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Posteriors"]


@dataclass(frozen=True, slots=True)
class Posteriors:
    """Posteriors of a night in words, or why there are none.

    Attributes
    ----------
    run : str
        Where they are kept: ``posteriors/RUN`` of the store; empty without any.
    digest : str
        SHA-256 of the exact sums behind them.
    kind, why : str
        Of the error, where there are none.
    lines : tuple of str
        What was decided, on what it rests, who is left out, and what is promised.
    columns : tuple of str
    rows : tuple of tuple of str
        The likeliest agents, a text per column.
    """

    run: str = ""
    digest: str = ""
    kind: str = ""
    why: str = ""
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
