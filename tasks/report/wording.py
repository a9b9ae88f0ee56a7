"""Numbers, dates and plurals as people read them: one rule each, used everywhere.

True minus, comma for thousands, no-break space before units and inside ranges.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

__all__ = [
    "age",
    "clock",
    "count",
    "day",
    "day_with_year",
    "decimals_for",
    "join_words",
    "number",
    "p_phrase",
    "percent",
    "plural",
    "probability",
    "quantity",
    "short_day",
    "signed",
    "span",
]

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def decimals_for(half_width: float | None) -> int:
    """Decimals that leave one or two digits of a half-width; negative means tens.

    >>> [decimals_for(h) for h in (138.0, 38.0, 9.0, 0.45, 0.03)]
    [-1, 0, 0, 1, 2]
    """
    if half_width is None or not math.isfinite(half_width) or half_width <= 0:
        return 0
    exponent = math.floor(math.log10(half_width))
    return -exponent if exponent <= 0 else 1 - exponent


def number(value: float | None, decimals: int = 0) -> str:
    """Write a number with true minus and thousands; a dash for None or NaN.

    >>> number(-1234.5, 1), number(-0.2), number(None)
    ('−1,234.5', '0', '–')
    """
    if value is None or not math.isfinite(value):
        return NONE
    rounded = round(float(value), decimals)
    text = f"{abs(rounded):,.{max(decimals, 0)}f}"
    return MINUS + text if rounded < 0 else text


def signed(value: float | None, decimals: int = 0) -> str:
    """Write a difference with its sign; zero has none.

    >>> signed(3.21, 1), signed(-0.5, 1), signed(0.01, 1), signed(None)
    ('+3.2', '−0.5', '0.0', '–')
    """
    text = number(value, decimals)
    positive = value is not None and math.isfinite(value) and round(value, decimals) > 0
    return f"+{text}" if positive else text


def quantity(value: float | None, unit: str, decimals: int = 0) -> str:
    """Write a number with its unit, never broken between the two."""
    text = number(value, decimals)
    return f"{text}{NBSP}{unit}" if unit and text != NONE else text


def span(lower: float | None, upper: float | None, decimals: int = 0) -> str:
    """Write a range in words, "76 to 94": a dash would read as a minus."""
    if lower is None or upper is None:
        return NONE
    return f"{number(lower, decimals)}{NBSP}to{NBSP}{number(upper, decimals)}"


def percent(share: float) -> str:
    r"""Write a share in whole per cent; what is not 0 or 1 never reads as 0 % or 100 %.

    >>> percent(0.9996), percent(0.001), percent(0.641)
    ('over 99\xa0%', 'under 1\xa0%', '64\xa0%')
    """
    if 0 < share < 0.005:
        return f"under 1{NBSP}%"
    if 0.995 <= share < 1:
        return f"over 99{NBSP}%"
    return f"{share * 100:.0f}{NBSP}%"


def probability(p: float | None) -> str:
    r"""Write a p- or q-value with two significant digits, "< 0.001" below that.

    >>> probability(0.00512), probability(0.2), probability(1e-9)
    ('0.0051', '0.20', '<\xa00.001')
    """
    if p is None or not math.isfinite(p):
        return NONE
    if p < 0.001:
        return f"<{NBSP}0.001"
    return f"{p:.{max(2, 1 - math.floor(math.log10(p)))}f}"


def p_phrase(p: float | None) -> str:
    """Write "p = 0.0051" or "p < 0.001", unbroken."""
    text = probability(p)
    sign = "" if text.startswith("<") else f"={NBSP}"
    return f"p{NBSP}{sign}{text}"


def count(n: int, singular: str, many: str | None = None) -> str:
    """Write a count with its noun: "1 flight", "2 flights"."""
    noun = singular if n == 1 else (many or plural(singular))
    return f"{number(n)}{NBSP}{noun}"


def plural(noun: str) -> str:
    """Form the regular English plural of a schema's noun.

    >>> plural("flight"), plural("entity"), plural("process")
    ('flights', 'entities', 'processes')
    """
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return noun[:-1] + "ies"
    return noun + "s"


def join_words(words: Sequence[str]) -> str:
    """Join with commas and "and".

    >>> join_words(["A", "B", "C"])
    'A, B and C'
    """
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def day(night: str) -> str:
    """Write a night as "8 March"."""
    date = dt.date.fromisoformat(night)
    return f"{date.day}{NBSP}{MONTHS[date.month - 1]}"


def short_day(night: str) -> str:
    """Write a night as "8 Mar", for axes."""
    date = dt.date.fromisoformat(night)
    return f"{date.day}{NBSP}{MONTHS[date.month - 1][:3]}"


def day_with_year(night: str) -> str:
    """Write a night as "Fri 8 March 2013"."""
    date = dt.date.fromisoformat(night)
    return f"{WEEKDAYS[date.weekday()]} {day(night)}{NBSP}{date.year}"


def clock(made: str) -> str:
    """Write a time stamp with zone as "9 March 2013 07:00 UTC"."""
    moment = dt.datetime.fromisoformat(made)
    zone = f" {moment.tzname()}" if moment.tzinfo else ""
    date = moment.date()
    return f"{day(date.isoformat())}{NBSP}{date.year} {moment:%H:%M}{zone}"


def age(seconds: float | None) -> str:
    r"""Write a duration in hours, from 100 hours in days; "never" for None.

    >>> age(55 * 3600.0), age(9 * 86400.0), age(None)
    ('55\xa0h', '9\xa0d', 'never')
    """
    if seconds is None:
        return "never"
    hours = seconds / 3600
    if hours < 100:
        return f"{hours:.0f}{NBSP}h"
    return f"{hours / 24:.0f}{NBSP}d"
