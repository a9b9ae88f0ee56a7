"""The commands `verify` and `export`: what they print, and how they end."""

from __future__ import annotations

import json
import random
from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app
from tests.damaged import build_store, flip, objects


def call(*words: str) -> tuple[int, dict]:
    found = CliRunner().invoke(app, [*words, "--json"])
    return found.exit_code, json.loads(found.stdout)


def test_it_ends_by_what_it_found(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert call("verify", "--home", home)[0] == 2
    store = build_store(tmp_path, sites=1)
    code, found = call("verify", "--home", home)
    assert (code, found["findings"], found["looked_at"]["shards"]) == (0, [], 2)
    assert found["snapshot"] == store.snapshot
    said = CliRunner().invoke(app, ["verify", store.url])
    assert (said.exit_code, "Nothing is wrong." in said.stdout) == (0, True)

    flip(objects(Path(store.url), "chunks")[0], random.Random(1))
    code, found = call("verify", store.url)
    (first, *_) = found["findings"]
    assert (code, first["check"]) == (1, "arrays")
    assert first["object"].startswith("shards/demo/site-0/")
    assert "sent again" in first["remedy"]
    assert call("verify", store.url, "--quick")[0] == 0
    said = CliRunner().invoke(app, ["verify", store.url])
    assert (said.exit_code, first["object"] in said.stdout) == (1, True)


def test_an_export_is_made_once_and_says_what_is_in_it(tmp_path: Path) -> None:
    store = build_store(tmp_path, sites=1)
    for form in ("--zarr", "--parquet"):
        target = str(tmp_path / form.strip("-"))
        code, found = call("export", store.url, target, form)
        assert (code, found["shards"], found["results"]) == (0, 2, 1)
        code, found = call("export", store.url, target, form)
        assert (code, found["error"]["kind"]) == (2, "export_refused")
    said = CliRunner().invoke(app, ["export", store.url, str(tmp_path / "x")])
    assert (said.exit_code, "--parquet" in said.output) == (2, True)
