"""The command `consilience verify`: what it prints, and how it ends."""

from __future__ import annotations

import json
import random
from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app
from tests.damaged import build_store, flip, objects


def call(*words: str) -> tuple[int, dict]:
    found = CliRunner().invoke(app, ["verify", *words, "--json"])
    return found.exit_code, json.loads(found.stdout)


def test_it_ends_by_what_it_found(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert call("--home", home)[0] == 2
    store = build_store(tmp_path, sites=1)
    code, found = call("--home", home)
    assert (code, found["findings"], found["looked_at"]["shards"]) == (0, [], 2)
    assert found["snapshot"] == store.snapshot
    said = CliRunner().invoke(app, ["verify", store.url])
    assert (said.exit_code, "Nothing is wrong." in said.stdout) == (0, True)

    flip(objects(Path(store.url), "chunks")[0], random.Random(1))
    code, found = call(store.url)
    (first, *_) = found["findings"]
    assert (code, first["check"]) == (1, "arrays")
    assert first["object"].startswith("shards/demo/site-0/")
    assert "sent again" in first["remedy"]
    assert call(store.url, "--quick")[0] == 0
    said = CliRunner().invoke(app, ["verify", store.url])
    assert (said.exit_code, first["object"] in said.stdout) == (1, True)
