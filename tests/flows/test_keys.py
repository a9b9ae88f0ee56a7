"""The commands for keys and signatures, from a new key to a revoked one."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from storage.evidence import evidence_rows
from storage.key_store import read_keys, registry_from_json
from storage.store import BehaviorStore
from tests.storage.evidence_rows import GOOD, land
from tests.storage.landing import SCHEMA, table, take_in, write

CLOCK = ["--now", "2026-03-08T06:00:00"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder to work in, with an empty store in ``home``."""
    BehaviorStore.create(str(tmp_path / "home" / "store"), SCHEMA)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONSILIENCE_HOME", "home")
    return tmp_path


def call(*words: str) -> tuple[int, dict]:
    found = CliRunner().invoke(app, [*words, *CLOCK, "--json"])
    return found.exit_code, json.loads(found.stdout)


def done(*words: str) -> dict:
    code, found = call(*words)
    assert code == 0, found
    return found


def refused(*words: str) -> str:
    code, found = call(*words)
    assert (code, found["error"]["kind"]) == (2, "key_refused")
    return found["error"]["what"]


def store() -> BehaviorStore:
    return BehaviorStore.open("home/store", "a")


def test_from_a_new_key_to_a_revoked_one(place: Path) -> None:
    first = done("keys", "new", "probe", "--key", "probe.key")
    assert stat.S_IMODE((place / "probe.key").stat().st_mode) == 0o600
    assert done("keys", "add", "probe.key.pub")["added"] == [first["key"]]
    land(place / "a.parquet", GOOD, seq=None)
    options = ["--key", "probe.key", "--seq", "7"]
    (signed,) = done("sign", "a.parquet", *options)["signed"]
    assert (signed["version"], signed["signer"]) == ("0-7", first["key"])
    assert take_in(store(), place / "a.parquet").count("applied") == 1
    assert [row.status for row in evidence_rows(store())] == ["signed"]

    second = done("keys", "rotate", "probe", "--key", "new.key", "--old", "probe.key")
    assert second["replaces"] == first["key"]
    done("keys", "add", "new.key.pub")
    reason = ["--reason", "stolen", "--since", "2026-03-08T05:00:00"]
    lost = done("keys", "revoke", first["key"], *reason)
    assert lost["accepted_since"] == ["evidence/probe/2026-03-08/0/0-7"]
    land(place / "b.parquet", GOOD, part="1")
    done("sign", "b.parquet", "--key", "probe.key")
    (rejected,) = take_in(store(), place / "b.parquet", keep=True).rejected
    assert "stolen" in str(rejected)
    done("sign", "b.parquet", "--key", "new.key")
    assert take_in(store(), place / "b.parquet").count("applied") == 1


def test_the_list_is_the_registry_for_machines_and_for_people(place: Path) -> None:
    assert done("keys", "list")["keys"] == []
    for source in ("probe", "north"):
        done("keys", "new", source, "--key", f"{source}.key")
    done("keys", "add", "probe.key.pub", "north.key.pub")
    found = done("keys", "list")
    assert [key["source"] for key in found["keys"]] == ["probe", "north"]
    assert registry_from_json(json.dumps(found)) == read_keys(store())
    only = done("keys", "list", "--source", "north")["keys"]
    assert [(key["source"], key["state"]) for key in only] == [("north", "in force")]
    shown = CliRunner().invoke(app, ["keys", "list", *CLOCK]).stdout
    for key in found["keys"]:
        assert key["key"] in shown
    people = CliRunner().invoke(app, ["keys", "list", "--source", "x", *CLOCK]).stdout
    assert people.strip() == "No key is registered: nobody has to sign."


def test_behaviour_is_signed_with_the_schema_of_the_store_or_of_a_file(
    place: Path,
) -> None:
    done("keys", "new", "north", "--key", "north.key")
    path = write(place / "a.parquet", table(1))
    assert done("sign", "a.parquet", "--key", "north.key")["signed"][0]["n"] > 0
    (place / "schema.json").write_text(SCHEMA.to_json())
    elsewhere = ["--home", "nowhere", "--key", "north.key"]
    assert "no schema" in refused("sign", "a.parquet", *elsewhere)
    done("sign", "a.parquet", *elsewhere, "--schema", "schema.json")
    done("keys", "add", "north.key.pub")
    assert take_in(store(), path).count("applied") == 1


def test_what_breaks_a_rule_is_refused_in_words(place: Path) -> None:
    key = done("keys", "new", "probe", "--key", "probe.key")["key"]
    done("keys", "add", "probe.key.pub")
    new = ["keys", "new", "probe", "--key"]
    assert "exists" in refused(*new, "probe.key")
    assert "holds what is shared" in refused(*new, "home/x.key")
    assert not (place / "home" / "x.key").exists()
    assert "registered already" in refused("keys", "add", "probe.key.pub")
    assert "cannot be read" in refused("keys", "add", "absent.pub")
    done(*new, "other.key")
    assert "in force" in refused("keys", "add", "other.key.pub")
    later = ["--since", "2026-03-09", "--reason", "x"]
    assert "holds at once" in refused("keys", "revoke", key, *later)
    assert "cannot be revoked" in refused("keys", "revoke", "0" * 32, "--reason", "x")
    assert "cannot be read" in refused(
        "sign", "a", "--key", "probe.key", "--schema", "absent"
    )
