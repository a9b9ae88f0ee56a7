"""Who must sign under which policy, and how a result says how much is signed."""

import dataclasses

import pytest

from storage.authenticity import Admission, Authenticity, SignaturePolicy
from storage.errors import Rejected
from storage.keys import key_id_of, public_text
from storage.signatures import sign
from tests.storage.key_rings import CONTENT, DAY, HEADER, START, private_key, ring

NORTH = key_id_of(public_text(private_key("north")))
SIGNED = (sign(private_key("north"), HEADER, CONTENT), NORTH)
UNSIGNED = ("", "")
WEST = dataclasses.replace(HEADER, site="west")


@pytest.mark.parametrize("policy", SignaturePolicy)
def test_a_valid_signature_enters_under_every_policy(policy: SignaturePolicy) -> None:
    admission = Admission(ring("north"), policy)
    assert admission.check(HEADER, CONTENT, *SIGNED, at=START) == NORTH


@pytest.mark.parametrize("policy", SignaturePolicy)
@pytest.mark.parametrize("pair", [("0" * 128, NORTH), (SIGNED[0], ""), ("", NORTH)])
def test_a_wrong_signature_enters_under_none(
    policy: SignaturePolicy, pair: tuple[str, str]
) -> None:
    with pytest.raises(Rejected, match="signature"):
        Admission(ring("north"), policy).check(HEADER, CONTENT, *pair, at=START)


@pytest.mark.parametrize(
    ("policy", "north", "west"),
    [
        (SignaturePolicy.REQUIRE, False, False),
        (SignaturePolicy.REGISTERED, False, True),
        (SignaturePolicy.ACCEPT_UNSIGNED, True, True),
    ],
)
def test_who_may_leave_the_signature_out(
    policy: SignaturePolicy, north: bool, west: bool
) -> None:
    admission = Admission(ring("north"), policy)
    for header, allowed in ((HEADER, north), (WEST, west)):
        if allowed:
            assert admission.check(header, CONTENT, *UNSIGNED, at=START) == ""
        else:
            with pytest.raises(Rejected, match="no signature") as caught:
                admission.check(header, CONTENT, *UNSIGNED, at=START)
            assert caught.value.reason == "signature"


def test_a_source_whose_keys_are_all_gone_still_has_to_sign() -> None:
    gone = ring("north").revoke(NORTH, since=START, reason="lost")
    for at in (START, START + 1000 * DAY):
        with pytest.raises(Rejected, match="north has registered a key"):
            Admission(gone).check(HEADER, CONTENT, *UNSIGNED, at=at)


def test_a_file_is_named_in_its_refusal() -> None:
    with pytest.raises(Rejected, match=r"^landing/a\.parquet, column 'signature'"):
        Admission(ring("north")).check(
            HEADER, CONTENT, *UNSIGNED, at=START, source="landing/a.parquet"
        )


def test_a_source_is_authenticated_when_all_it_says_is_signed() -> None:
    found = Authenticity.of_signers(
        [("north", "k"), ("south", ""), ("north", "k2"), ("west", "k"), ("west", "")]
    )
    assert found == Authenticity(("north",), ("south", "west"))
    assert found.n == 3
    assert str(found) == "authenticated 1 of 3 sources"


def test_labels_of_the_extremes() -> None:
    signed = Authenticity.of_signers([(f"s{i}", "k") for i in range(13)])
    assert str(signed) == "authenticated 13 of 13 sources"
    none = Authenticity.of_signers([("a", ""), ("b", "")])
    assert str(none) == "unauthenticated: none of 2 sources signs"
    assert str(Authenticity.of_signers([])) == "no sources"
