"""Compile kernels, and keep them on disk under the state of all their sources.

numba's cache knows a compiled function by the file it is written in.  What it calls in
other files is compiled into it, so that after an update of those files the old code
would still run: another answer, or memory that is not its own.  Here the folder of the
cache is named by the contents of every source of a kernel.
"""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Callable
from typing import Any

from numba import config, njit

import stats

__all__ = ["SOURCES", "cache_folder", "compiled", "inlined"]

# numba makes its settings while it is imported: no type checker sees them.
settings: Any = config

# Modules whose names start like this hold compiled code.
SOURCES = ("arithmetic", "compiled", "kernels", "lanes")


def cache_folder() -> str:
    """Folder of the kernels that belong to the sources as they are.

    It lies beside the sources, or in NUMBA_CACHE_DIR; where that cannot be written,
    numba keeps kernels in the user's own cache.
    """
    found = hashlib.sha256()
    names = sorted(module.name for module in pkgutil.iter_modules(stats.__path__))
    for name in names:
        if name.startswith(SOURCES):
            found.update(pkgutil.get_data("stats", f"{name}.py") or b"")
    chosen = settings.CACHE_DIR or f"{stats.__path__[0]}/__pycache__"
    return f"{chosen}/kernels-{found.hexdigest()[:16]}"


_FOLDER = cache_folder()


def _decorator(**options: Any) -> Callable[[Any], Any]:
    def compile_later(function: Any) -> Any:
        before = settings.CACHE_DIR
        settings.CACHE_DIR = _FOLDER
        try:
            return njit(cache=True, nogil=True, **options)(function)
        finally:
            settings.CACHE_DIR = before

    return compile_later


# Decorators of kernels: compiled at the first call, without the interpreter's lock,
# kept on disk; `inlined` is for small parts of other kernels.
compiled = _decorator()
inlined = _decorator(inline="always")
