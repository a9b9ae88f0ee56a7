"""The line between two stores: in this process, or behind another transport."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from storage.errors import StorageError
from storage.exchange import Exchange

__all__ = ["Pace", "StoreTransport", "Transport"]


@dataclass(slots=True)
class Pace:
    """Lets no more than so many bytes a second through, on average.

    Attributes
    ----------
    bytes_per_second : float, optional
        None lets everything through at once.
    clock, sleep : callable
        Seconds, and how to wait.
    """

    bytes_per_second: float | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _due: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        if self.bytes_per_second is not None and not self.bytes_per_second > 0:
            raise StorageError(
                f"bandwidth of {self.bytes_per_second} bytes a second. "
                "Give more than 0."
            )

    def spend(self, nbytes: int) -> None:
        """Wait until these bytes may have passed."""
        if self.bytes_per_second is None:
            return
        now = self.clock()
        self._due = max(self._due, now) + nbytes / self.bytes_per_second
        if self._due > now:
            self.sleep(self._due - now)


class Transport(Protocol):
    """Carries questions and packs; what goes wrong on the way is `Unreachable`."""

    @property
    def url(self) -> str:
        """Who is asked."""
        ...

    def ask(self, question: str, body: bytes) -> bytes:
        """Answer of `storage.exchange.Exchange.answer`."""
        ...

    def pull(self, name: str, start: int) -> Iterator[bytes]:
        """Bytes of a pack from `start` on."""
        ...

    def close(self) -> None:
        """Give the line free."""
        ...


class StoreTransport:
    """Reaches a store that this process can open itself.

    Parameters
    ----------
    url : str
        Path, ``file://`` or ``s3://``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._exchange = Exchange(url)

    def ask(self, question: str, body: bytes) -> bytes:
        """Answer a question.

        Raises
        ------
        StorageError
            As `Exchange.answer`.
        """
        return self._exchange.answer(question, body)

    def pull(self, name: str, start: int) -> Iterator[bytes]:
        """Yield a pack from `start` on.

        Raises
        ------
        NotFound, Corrupt
        """
        yield from self._exchange.pack(name).read(start)

    def close(self) -> None:
        """Do nothing: there is no line."""
