"""Prepare an installation: compile the kernels and set up the workflow server's home.

Run once after installing, without prompts; running it again costs seconds.
"""

from __future__ import annotations

import logging
import os

__all__ = ["main"]


def main() -> None:
    """Compile what is compiled, and let an embedded server create its database."""
    from tasks.warm_kernels import (  # noqa: PLC0415
        forget_old_kernels,
        warm_kernels,
    )

    log = logging.getLogger("consilience.prepare")
    logging.basicConfig(level=logging.INFO, format="prepare: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    log.info("compiling the kernels")
    warm_kernels()
    if old := forget_old_kernels():
        log.info("removed %d sets of kernels of earlier sources", old)
    if os.environ.get("PREFECT_API_URL"):
        log.info("a workflow server is configured; nothing to prepare for it")
        return
    log.info("preparing the embedded workflow server")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    from prefect import flow  # noqa: PLC0415

    @flow(name="prepare")
    def prepare() -> str:
        """Touch the server once: it creates its database and caches."""
        return "ready"

    prepare()
    log.info("ready")


if __name__ == "__main__":
    main()
