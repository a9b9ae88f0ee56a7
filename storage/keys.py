"""Ed25519 keys: raw bytes as hexadecimal text, and files only their owner can read."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from storage.errors import KeyRefused

__all__ = [
    "KEY_ID",
    "PUBLIC_KEY",
    "SIGNATURE",
    "Ed25519PrivateKey",
    "key_id_of",
    "new_private_key",
    "public_text",
    "read_private_key",
    "sign_bytes",
    "verifies",
    "write_private_key",
]

KEY_ID = re.compile(r"[0-9a-f]{32}")
"""Fingerprint of a public key."""
PUBLIC_KEY = re.compile(r"[0-9a-f]{64}")
"""A public key: 32 bytes, lower-case hexadecimal, so that it has one spelling."""
SIGNATURE = re.compile(r"[0-9a-f]{128}")
"""A signature: 64 bytes, lower-case hexadecimal."""


def new_private_key() -> Ed25519PrivateKey:
    """Draw a private key from the operating system's randomness."""
    return Ed25519PrivateKey.generate()


def public_text(private: Ed25519PrivateKey) -> str:
    """Public key of a private key: 64 hexadecimal digits."""
    return private.public_key().public_bytes_raw().hex()


def key_id_of(public: str) -> str:
    """Fingerprint of a public key: the first 32 digits of its SHA-256.

    Raises
    ------
    KeyRefused
        When `public` is not 64 lower-case hexadecimal digits.
    """
    if PUBLIC_KEY.fullmatch(public) is None:
        raise KeyRefused(
            f"key: {public[:80]!r} is no public key, expected 64 hexadecimal digits. "
            "Copy it again from the .pub file."
        )
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:32]


def sign_bytes(private: Ed25519PrivateKey, message: bytes) -> str:
    """Sign a message: 128 hexadecimal digits, the same ones every time (RFC 8032)."""
    return private.sign(message).hex()


def verifies(public: str, message: bytes, signature: str) -> bool:
    """Tell whether `signature` is one of the owner of `public` under `message`."""
    if PUBLIC_KEY.fullmatch(public) is None or SIGNATURE.fullmatch(signature) is None:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def write_private_key(path: Path, private: Ed25519PrivateKey) -> None:
    """Write a private key as PEM that only its owner may read; never over a file.

    Raises
    ------
    KeyRefused
        When something is there already, or the folder cannot be written.
    """
    data = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise KeyRefused(
            f"key {path}: cannot be written: {error.strerror}. Choose another path: "
            "a private key is never overwritten."
        ) from error
    with os.fdopen(place, "wb") as file:
        file.write(data)


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Read what `write_private_key` wrote.

    Raises
    ------
    KeyRefused
        When it cannot be read, is no Ed25519 key, or others may read it.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        data = path.read_bytes()
    except OSError as error:
        raise KeyRefused(
            f"key {path}: cannot be read: {error.strerror}. Check the path."
        ) from error
    if mode & 0o077:
        raise KeyRefused(
            f"key {path}: mode {mode:o}, expected 600: others may have read it. "
            f"Run `chmod 600 {path}` if nobody has, else make a new key."
        )
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyRefused(
            f"key {path}: no private key in PEM without a password ({error}). "
            "Make one with `consilience keys new`."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused(
            f"key {path}: a {type(key).__name__}, expected an Ed25519 key. "
            "Make one with `consilience keys new`."
        )
    return key
