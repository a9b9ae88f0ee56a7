"""Keys and their files; the wiring of Ed25519 against the vectors of RFC 8032."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from storage.errors import KeyRefused
from storage.keys import (
    Ed25519PrivateKey,
    key_id_of,
    new_private_key,
    public_text,
    read_private_key,
    sign_bytes,
    verifies,
    write_private_key,
)

# RFC 8032, section 7.1, tests 1 to 3: secret, public, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590"
        "a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e"
        "15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d"
        "16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_vectors_of_the_standard(
    secret: str, public: str, message: str, signature: str
) -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    said = bytes.fromhex(message)
    assert public_text(private) == public
    assert sign_bytes(private, said) == signature
    assert verifies(public, said, signature)
    assert not verifies(public, said + b"\0", signature)


def test_a_signature_has_one_spelling() -> None:
    _, public, message, signature = VECTORS[2]
    said = bytes.fromhex(message)
    order = 2**252 + 27742317777372353535851937790883648493
    last = int.from_bytes(bytes.fromhex(signature[64:]), "little") + order
    for other in (
        signature.upper(),
        f" {signature}",
        f"{signature}\n",
        signature[:-2],
        "",
        signature[:64] + last.to_bytes(32, "little").hex(),
    ):
        assert not verifies(public, said, other)
    assert not verifies(public.upper(), said, signature)


def test_a_fingerprint_tells_keys_apart() -> None:
    ids = {key_id_of(public) for _, public, _, _ in VECTORS}
    assert len(ids) == 3
    assert {len(one) for one in ids} == {32}
    with pytest.raises(KeyRefused, match="64 hexadecimal digits"):
        key_id_of("d75A")


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    path, private = tmp_path / "north.key", new_private_key()
    before = os.umask(0)
    try:
        write_private_key(path, private)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_text(read_private_key(path)) == public_text(private)


def test_a_private_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "north.key"
    write_private_key(path, new_private_key())
    before = path.read_bytes()
    with pytest.raises(KeyRefused, match="never overwritten"):
        write_private_key(path, new_private_key())
    assert path.read_bytes() == before


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "north.key"
    write_private_key(path, new_private_key())
    path.chmod(0o640)
    with pytest.raises(KeyRefused, match="mode 640, expected 600"):
        read_private_key(path)


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "north.key"
    other = X25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for data, text in ((b"no key", "no private key in PEM"), (other, "X25519")):
        path.write_bytes(data)
        path.chmod(0o600)
        with pytest.raises(KeyRefused, match=text):
            read_private_key(path)
    with pytest.raises(KeyRefused, match="cannot be read"):
        read_private_key(tmp_path / "absent.key")
