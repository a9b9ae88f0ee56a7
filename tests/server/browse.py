"""A browser page that must ask nobody but one server, and ends without a fault."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

__all__ = ["HEIGHT", "WIDTH", "browse"]

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTH, HEIGHT = 1400, 950


@contextlib.contextmanager
def browse(api: str) -> Iterator[Any]:
    """Open a page in headless Chromium, for the UI of the server with this API."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install -y chromium")
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    faults: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        opened = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        opened.set_default_timeout(60_000)
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("pageerror", lambda error: faults.append(str(error)))
        yield opened
        browser.close()
    assert any(url.startswith(f"{api}/") for url in asked)
    local = (f"{api.removesuffix('/api')}/", "data:", "blob:")
    assert [url for url in asked if not url.startswith(local)] == []
    assert faults == []
