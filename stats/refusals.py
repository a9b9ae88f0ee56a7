"""Answers that are refused because too much is missing, each with what is missing."""

from __future__ import annotations

from typing import ClassVar

from stats.summary import StatsError

__all__ = ["NotYet", "Refused", "StalenessExceeded", "TooUncertain", "Unavailable"]


class Refused(StatsError):
    """No answer is given that would break what the reader asked for."""

    kind: ClassVar[str] = "refused"


class Unavailable(Refused):
    """The night is not complete, and only a complete one was wanted.

    Attributes
    ----------
    night : str
        Night asked for.
    newest : str or None
        Newest complete night, which would be answered.
    missing : tuple of str
        Sites that are not complete.
    """

    kind: ClassVar[str] = "unavailable"

    def __init__(
        self, night: str, newest: str | None, missing: tuple[str, ...]
    ) -> None:
        self.night, self.newest, self.missing = night, newest, missing
        super().__init__(
            f"view of {night}: not complete at {', '.join(missing) or 'any site'}; "
            f"newest complete night {newest or 'none'}. Ask for that one, wait, or "
            "read under a weaker model."
        )


class NotYet(Refused):
    """Something that was used, or that this reader saw, is not known here yet.

    Attributes
    ----------
    dependency : (site, epoch, seq)
        The first of what is missing.
    missing : int
        How many are.
    """

    kind: ClassVar[str] = "not_yet"

    def __init__(self, dependency: tuple[str, int, int], missing: int) -> None:
        self.dependency, self.missing = dependency, missing
        site, epoch, seq = dependency
        super().__init__(
            f"view: {missing} versions are depended on and not known, first "
            f"{site}/{epoch}-{seq}. Wait for them, or have the site send them again."
        )


class StalenessExceeded(Refused):
    """A site is further behind than the bound allows.

    Attributes
    ----------
    site : str
        The one that is furthest behind.
    versions : int
    seconds : float
    sites : tuple of str
        All that are beyond the bound.
    """

    kind: ClassVar[str] = "staleness_exceeded"

    def __init__(
        self,
        site: str,
        versions: int,
        seconds: float,
        *,
        limits: tuple[int | None, float],
        sites: tuple[str, ...],
    ) -> None:
        self.site, self.versions, self.seconds = site, versions, seconds
        self.sites = sites
        super().__init__(
            f"view: {site} is {versions} nights and {seconds:.0f} s behind, allowed "
            f"{limits[0]} nights and {limits[1]:.0f} s ({len(sites)} sites beyond). "
            "Wait for it, widen the bound, or read under another model."
        )


class TooUncertain(Refused):
    """An interval is wider, or the arrived mass smaller, than the reader allows.

    Attributes
    ----------
    width, mass : float
        Width is NaN when the mass alone decided.
    """

    kind: ClassVar[str] = "too_uncertain"

    def __init__(
        self, width: float, mass: float, *, limits: tuple[float | None, float]
    ) -> None:
        self.width, self.mass = width, mass
        super().__init__(
            f"view: width {width:.6g} with {mass:.3f} of the mass arrived; allowed "
            f"width {limits[0]}, least mass {limits[1]}. Wait for more, or allow more."
        )
