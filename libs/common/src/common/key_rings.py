"""The keys that seal and open secrets: a ring for each field, in a file for each who needs some.

A key is a pair, of which the public half seals and the private half opens: who seals need not be
able to open. Installations of before have one ring of symmetric keys for all fields: these seal
while they are active, and open what they sealed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pydantic import BaseModel, ConfigDict, model_validator

SecretField = Literal["access_token", "openai_api_key"]
FIELDS: tuple[SecretField, ...] = get_args(SecretField)
Key = bytes | X25519PrivateKey | X25519PublicKey  # bytes: symmetric
# A stack trace must not show the keys.
CONFIG = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Unsealable(ValueError):
    """The value is not ours, was moved, or its key has left the ring. No text of it is secret."""


class KeyUse(NamedTuple):
    """A key that seals a secret somewhere."""

    field: str
    kid: str
    symmetric: bool


class KeyRing(BaseModel):
    """Of one field: `{"active": "1f0c", "keys": {"1f0c": "private:<base64url of 32 bytes>"}}`.

    `public:` is the half that only seals; without a word before it, the key is symmetric.
    """

    model_config = CONFIG

    active: str
    keys: dict[str, str]

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.active not in self.keys:
            raise ValueError(f"active key {self.active!r} is not among keys")
        for kid, text in self.keys.items():
            if not kid or "." in kid or not is_key(text):
                raise ValueError(f"key {kid!r} is not 32 bytes in base64url")
        return self

    @classmethod
    def fresh(cls) -> Self:
        """A key is named after its public half, so that no two are named alike."""
        pair = X25519PrivateKey.generate()
        kid = sha256(pair.public_key().public_bytes_raw()).hexdigest()[:8]
        return cls(active=kid, keys={kid: f"private:{encoded(pair.private_bytes_raw())}"})

    def key(self, kid: str) -> Key:
        if kid not in self.keys:
            raise Unsealable(f"key {kid!r} is not in the ring")
        return key_of(self.keys[kid])

    def secret_bytes(self, kid: str) -> bytes:
        """32 bytes that only those know who open what is sealed with the key."""
        key = self.key(kid)
        if isinstance(key, X25519PublicKey):
            raise Unsealable(f"of key {kid!r} the ring holds the public half only")
        return key.private_bytes_raw() if isinstance(key, X25519PrivateKey) else key

    def kind(self, kid: str) -> str:
        """private, public or symmetric."""
        return self.keys[kid].rpartition(":")[0] or "symmetric"

    @property
    def opens(self) -> bool:
        return not any(text.startswith("public:") for text in self.keys.values())

    @property
    def guessable(self) -> bool:
        """Of the demo, or no random bytes at all."""
        return any(
            b"dev-only" in raw or len(set(raw)) == 1 for raw in map(raw_of, self.keys.values())
        )

    @property
    def symmetric(self) -> bool:
        return not any(":" in text for text in self.keys.values())

    def public(self) -> Self:
        """What seals, and no more. A symmetric key stays only while nothing else seals."""
        halves = {kid: public_half(text) for kid, text in self.keys.items()}
        if halves[self.active] is None:
            halves[self.active] = self.keys[self.active]
        return self.model_copy(update={"keys": {kid: half for kid, half in halves.items() if half}})

    def lost_in(self, other: "KeyRing | None") -> list[str]:
        """Names of keys that the other ring lacks, or has otherwise under the same name."""
        theirs = other.keys if other else {}
        return [kid for kid, text in self.keys.items() if theirs.get(kid) != text]


class KeyRings(BaseModel):
    """What a file holds: `{"access_token": {...}, "openai_api_key": {...}}`, or one of them; a ring
    alone, as files of before have it, is that of every field."""

    model_config = CONFIG

    access_token: KeyRing | None = None
    openai_api_key: KeyRing | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, given: Any) -> Any:
        if isinstance(given, dict) and "keys" in given:
            return dict.fromkeys(FIELDS, given)
        if given == {}:
            raise ValueError("holds no ring")
        return given

    @classmethod
    def fresh(cls) -> Self:
        return cls(access_token=KeyRing.fresh(), openai_api_key=KeyRing.fresh())

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls.model_validate_json(path.read_bytes())

    def text(self) -> str:
        """A ring of before is written as it always was, so that versions of before read it."""
        if self.access_token and self.is_of_before:
            return self.access_token.model_dump_json()
        return self.model_dump_json(exclude_none=True)

    @property
    def is_of_before(self) -> bool:
        """Symmetric, one for all fields: who holds it seals and opens everything."""
        ring = self.access_token
        return ring is not None and ring == self.openai_api_key and ring.symmetric

    def ring(self, field: str) -> KeyRing:
        if ring := self.given().get(field):
            return ring
        raise Unsealable(f"there is no key ring of {field}")

    def given(self) -> dict[str, KeyRing]:
        """By field."""
        return {field: ring for field in FIELDS if (ring := getattr(self, field))}

    def lacking(self, uses: Iterable[KeyUse]) -> list[str]:
        """Keys in use that no ring has, as `access_token 1f0c`. Who may have no symmetric ones
        need not know them."""
        return [f"{use.field} {use.kid}" for use in uses if not self._knows(use)]

    def _knows(self, use: KeyUse) -> bool:
        ring = self.given().get(use.field)
        return ring is not None and (use.kid in ring.keys or (use.symmetric and not ring.opens))

    def lost_in(self, other: "KeyRings") -> list[str]:
        """Keys that the other lacks, as `access_token 1f0c`."""
        theirs = other.given()
        return [
            f"{field} {kid}"
            for field, ring in self.given().items()
            for kid in ring.lost_in(theirs.get(field))
        ]


def is_key(text: str) -> bool:
    try:
        key_of(text)
    except ValueError:
        return False
    return True


def key_of(text: str) -> Key:
    """Raises ValueError for what is no key."""
    kind, _, _ = text.rpartition(":")
    raw = raw_of(text)
    if len(raw) != 32:
        raise ValueError("not 32 bytes")
    match kind:
        case "private":
            return X25519PrivateKey.from_private_bytes(raw)
        case "public":
            return X25519PublicKey.from_public_bytes(raw)
        case "":
            return raw
    raise ValueError("of no known kind")


def raw_of(text: str) -> bytes:
    return urlsafe_b64decode(text.rpartition(":")[2])


def public_half(text: str) -> str | None:
    """None for a symmetric key, which has none."""
    key = key_of(text)
    if isinstance(key, X25519PrivateKey):
        return f"public:{encoded(key.public_key().public_bytes_raw())}"
    return text if isinstance(key, X25519PublicKey) else None


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()
