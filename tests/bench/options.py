"""What a run was asked for."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.bench.data import Files, Population


@dataclass(frozen=True)
class Options:
    """Sizes and rounds of a run.

    Attributes
    ----------
    population : Population
    root : Path
        Where data are kept between runs.
    rounds : int
        After one that is not counted.
    threads : int
        Of ours and of every peer.
    chunks : tuple of int
        At which numbers of chunks the overhead of Dask is measured.
    quick : bool
        Small sizes that show that everything runs; the figures mean little.
    quiet : bool
    """

    population: Population
    root: Path
    rounds: int = 7
    threads: int = min(2, os.cpu_count() or 1)
    chunks: tuple[int, ...] = (4, 8, 16)
    quick: bool = False
    quiet: bool = False

    @cached_property
    def files(self) -> Files:
        return Files(self.population, self.root)

    def say(self, line: str) -> None:
        """Write one line of progress."""
        if not self.quiet:
            sys.stderr.write(f"bench: {line}\n")
            sys.stderr.flush()
