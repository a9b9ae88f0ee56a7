"""What `verify` says of bytes that decode and are not what was written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storage.arrays import run, write_group
from storage.checkpoints import Checkpoints
from storage.errors import Corrupt
from storage.findings import CHECKS
from storage.named import NamedArray
from storage.records import ShardRow
from storage.results import read_results
from storage.store import BehaviorStore
from storage.verify_history import verify_history
from storage.verify_nodes import verify_nodes
from storage.verify_signatures import verify_signatures
from tests.damaged import KEY, RESULT, STATE, build_store


@pytest.fixture
def store(tmp_path: Path) -> BehaviorStore:
    return build_store(tmp_path, sites=1)


def rewrite(
    store: BehaviorStore, path: str, fields: dict, **arrays: np.ndarray
) -> None:
    """Put another group in place of one, sealed as if it had always been so."""
    named = {name: NamedArray(v, ("x",)) for name, v in arrays.items()}

    def write(session) -> None:
        run(session.delete_dir(path))
        run(write_group(session, path, fields, named))

    store.commit(write, "tamper")


def test_a_result_that_was_replaced_is_found_and_refused(store: BehaviorStore) -> None:
    assert verify_nodes(store.reader) == ()
    fields = {"arrays": ["mean"], "content": "0" * 64}
    rewrite(store, "runs/a", fields, mean=RESULT)
    (found,) = verify_nodes(store.reader)
    assert (found.object, found.check) == ("runs/a", "result")
    with pytest.raises(Corrupt, match="written with 000000"):
        read_results(store, "runs/a")
    rewrite(store, "runs/a", {"arrays": ["mean", "lost"]}, mean=RESULT)
    (found,) = verify_nodes(store.reader)
    assert "runs/a/lost" in found.found


def test_a_summary_that_was_replaced_is_found_and_refused(store: BehaviorStore) -> None:
    other = np.frombuffer(STATE[:-1] + b"!", dtype=np.uint8)
    rewrite(store, KEY.path, {"content": "1" * 64}, state=other)
    (found,) = verify_nodes(store.reader)
    assert (found.object, found.check) == (KEY.path, "summary")
    assert found.as_dict()["remedy"] == CHECKS["summary"]
    with pytest.raises(Corrupt, match="kept with 111111"):
        Checkpoints(store).get([KEY])


def test_a_signature_of_another_row_or_key_is_found(store: BehaviorStore) -> None:
    assert verify_signatures(store) == (0, ())
    (row,) = store.shards()
    forged: ShardRow = replace(row, signature="ab" * 64, signer="cd" * 16)
    rewrite(store, row.path, forged.to_attributes())
    fresh = BehaviorStore.open(store.url).refresh()
    from storage import ledger

    ledger._KNOWN.clear()
    n, (found,) = verify_signatures(fresh)
    assert (n, found.check, found.object) == (1, "signature", row.path)
    assert "not registered" in found.found


def test_a_tag_that_is_gone_is_missed(store: BehaviorStore) -> None:
    assert verify_history(store, full=True) == ()
    store.repository.delete_tag("a")
    (found,) = verify_history(store)
    assert (found.object, found.check, found.found) == ("a", "tag", "none")
