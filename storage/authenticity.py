"""Who must sign, whether one shard may enter, and how to say how much is signed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from storage.key_registry import KeyRegistry
from storage.records import ShardRow
from storage.signatures import SignedHeader, refuse, verify

__all__ = ["Admission", "Authenticity", "SignaturePolicy"]


class SignaturePolicy(StrEnum):
    """Whose shards must be signed; a signature that is there must always be valid.

    Attributes
    ----------
    REQUIRE
        Everybody's.
    REGISTERED
        Those of a source that ever had a key: else who cannot forge a signature would
        leave it out.  Others enter, labelled as unsigned.
    ACCEPT_UNSIGNED
        Nobody's; what is unsigned is labelled so, also of a source with a key.
    """

    REQUIRE = "require"
    REGISTERED = "registered"
    ACCEPT_UNSIGNED = "accept-unsigned"


@dataclass(frozen=True, slots=True)
class Admission:
    """Keys and the rule by which shards are let in.

    Attributes
    ----------
    registry : KeyRegistry
    policy : SignaturePolicy
    """

    registry: KeyRegistry = field(default_factory=KeyRegistry)
    policy: SignaturePolicy = SignaturePolicy.REGISTERED

    def check(
        self,
        header: SignedHeader,
        content_sha256: str,
        signature: str,
        signer: str,
        *,
        at: int,
        source: str = "",
    ) -> str:
        """Return the id of the key that signed a shard; empty if it may be unsigned.

        Parameters
        ----------
        header, content_sha256, signature, signer, at, source
            As `verify` takes them; both texts are empty for an unsigned shard.

        Raises
        ------
        Rejected
            Reason ``signature``.
        """
        if signature or signer:
            verify(
                self.registry, header, content_sha256, signature, signer,
                at=at, source=source,
            )  # fmt: skip
            return signer
        keys = self.registry.of_source(header.site)
        needed = self.policy is SignaturePolicy.REQUIRE or (
            self.policy is SignaturePolicy.REGISTERED and bool(keys)
        )
        if needed:
            why = (
                f"{header.site} has registered a key"
                if keys
                else f"the policy is {self.policy.value!r}"
            )
            raise refuse(
                source or str(header), "no signature", f"one, since {why}",
                "Sign it with `consilience sign`.",
            )  # fmt: skip
        return ""


@dataclass(frozen=True, slots=True)
class Authenticity:
    """Which sources are authenticated: every shard of theirs that counts is signed.

    Attributes
    ----------
    authenticated, unsigned : tuple of str
        Sources, sorted; one with any unsigned shard is in the second.
    """

    authenticated: tuple[str, ...]
    unsigned: tuple[str, ...]

    @classmethod
    def of_signers(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Collect (source, id of the key or empty) of every shard that counts."""
        signed: dict[str, bool] = {}
        for source, signer in pairs:
            signed[source] = signed.get(source, True) and bool(signer)
        return cls(
            tuple(sorted(source for source, good in signed.items() if good)),
            tuple(sorted(source for source, good in signed.items() if not good)),
        )

    @classmethod
    def of_rows(cls, rows: Iterable[ShardRow]) -> Self:
        """Collect ledger rows; what is signed there was verified when it entered."""
        return cls.of_signers((row.key.site, row.signer) for row in rows)

    @property
    def n(self) -> int:
        """Sources."""
        return len(self.authenticated) + len(self.unsigned)

    def __str__(self) -> str:
        if not self.n:
            return "no sources"
        if not self.authenticated:
            return f"unauthenticated: none of {self.n} sources signs"
        return f"authenticated {len(self.authenticated)} of {self.n} sources"
