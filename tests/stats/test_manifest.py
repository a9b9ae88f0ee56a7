"""Notes are canonical: equal ones are written equally, malformed ones are refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.manifest import Manifest, note_text, read_note
from stats.summary import InvalidInput
from tests.ledgers import entry

MANIFESTS = st.builds(
    Manifest,
    parts=st.lists(st.sampled_from("abc"), unique=True).map(lambda x: tuple(sorted(x))),
    agents=st.none() | st.integers(0, 10),
    seq_high=st.integers(0, 2**53 - 1),
    void=st.lists(st.integers(0, 9), unique=True).map(lambda x: tuple(sorted(x))),
    closed=st.booleans(),
    previous_end=st.none() | st.integers(0, 9),
)


@given(manifest=st.none() | MANIFESTS, deps=st.lists(st.integers(0, 9)))
def test_a_note_is_read_as_it_was_written(manifest, deps):
    texts = [f"s/0-{d}" for d in deps]
    note = read_note(note_text(manifest, texts))
    assert note.manifest == manifest
    assert note.deps == tuple(("s", 0, d) for d in sorted(set(deps)))
    assert note_text(manifest, texts[::-1] * 2) == note_text(manifest, texts)


GOOD = json.loads(note_text(Manifest(parts=("0",), seq_high=3)))


@pytest.mark.parametrize(
    "bad",
    [
        "{", "[]", "7", '{"deps":["a-1"]}', '{"deps":[1]}', '{"more":1}',
        '{"manifest":{}}', '{"deps":["a/1-2"', " " * 2**18 + "{}",
        json.dumps({"manifest": GOOD["manifest"] | {"seq_high": True}}),
        json.dumps({"manifest": GOOD["manifest"] | {"void": [2, 1]}}),
        json.dumps({"manifest": GOOD["manifest"] | {"parts": "ab"}}),
        json.dumps({"manifest": GOOD["manifest"] | {"parts": [1]}}),
        json.dumps({"manifest": GOOD["manifest"] | {"seq_high": 2**53}}),
        json.dumps({"manifest": GOOD["manifest"] | {"agents": -1}}),
        json.dumps({"manifest": GOOD["manifest"] | {"closed": 0}}),
        json.dumps({"manifest": GOOD["manifest"] | {"sealed": True}}),
    ],
)  # fmt: skip
def test_a_malformed_note_is_refused(bad):
    with pytest.raises(InvalidInput):
        read_note(bad)
    with pytest.raises(InvalidInput):
        entry(note=bad)


def test_a_note_that_is_written_another_way_is_refused():
    spaced = json.dumps({"deps": ["a/0-1"]}, indent=1)
    assert read_note(spaced).deps == (("a", 0, 1),)
    with pytest.raises(InvalidInput, match="note_text"):
        entry(note=spaced)
    with pytest.raises(InvalidInput, match="event_end"):
        entry(event_end=-1)
