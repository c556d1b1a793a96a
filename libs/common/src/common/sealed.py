"""Sealed secrets: an AES-256-GCM envelope bound to its tenant and field.

Each value has a data key of its own, wrapped by a key of the ring; so rotation re-wraps data keys
and never touches values. Moving a sealed value to another tenant or field makes it unreadable.
Wire form: v1.<kid>.<wrapped key>.<value>, base64url, each part nonce + ciphertext.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, model_validator

NONCE = 12


class Unsealable(ValueError):
    """The value is not ours, was moved, or its key has left the ring."""


class KeyRing(BaseModel):
    """`{"active": "k1", "keys": {"k1": "<base64url of 32 bytes>"}}`, mounted as a file.

    To rotate: add a key, make it active, re-wrap, remove the old one when nothing uses it.
    """

    # A stack trace must not show the keys.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    active: str
    keys: dict[str, str]

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.active not in self.keys:
            raise ValueError(f"active key {self.active!r} is not among keys")
        for kid in self.keys:
            if len(self.key(kid)) != 32 or "." in kid:
                raise ValueError(f"key {kid!r} is not 32 bytes in base64url")
        return self

    def key(self, kid: str) -> bytes:
        if kid not in self.keys:
            raise Unsealable(f"key {kid!r} is not in the ring")
        return urlsafe_b64decode(self.keys[kid])

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls.model_validate_json(path.read_bytes())

    @classmethod
    def fresh(cls, kid: str = "k1") -> Self:
        return cls(active=kid, keys={kid: urlsafe_b64encode(os.urandom(32)).decode()})


def seal(ring: KeyRing, tenant_id: int, field: str, secret: str) -> str:
    data_key = AESGCM.generate_key(256)
    value = encrypt(data_key, secret.encode(), bound_to(tenant_id, field))
    return pack(ring, tenant_id, field, data_key, value)


def unseal(ring: KeyRing, tenant_id: int, field: str, sealed: str) -> str:
    """Raises Unsealable; the message never holds the value."""
    kid, wrapped, value = parts_of(sealed)
    data_key = decrypt(ring.key(kid), wrapped, wrap_bound_to(kid, tenant_id, field))
    return decrypt(data_key, value, bound_to(tenant_id, field)).decode()


def rewrap(ring: KeyRing, tenant_id: int, field: str, sealed: str) -> str:
    """The same secret under the ring's active key."""
    kid, wrapped, value = parts_of(sealed)
    data_key = decrypt(ring.key(kid), wrapped, wrap_bound_to(kid, tenant_id, field))
    return pack(ring, tenant_id, field, data_key, value)


def kid_of(sealed: str) -> str:
    return parts_of(sealed)[0]


def pack(ring: KeyRing, tenant_id: int, field: str, data_key: bytes, value: bytes) -> str:
    kid = ring.active
    wrapped = encrypt(ring.key(kid), data_key, wrap_bound_to(kid, tenant_id, field))
    return ".".join(("v1", kid, as_text(wrapped), as_text(value)))


def parts_of(sealed: str) -> tuple[str, bytes, bytes]:
    try:
        version, kid, wrapped, value = sealed.split(".")
        if version != "v1":
            raise ValueError(version)
        return kid, urlsafe_b64decode(wrapped), urlsafe_b64decode(value)
    except ValueError as error:
        raise Unsealable("not a sealed value") from error


def bound_to(tenant_id: int, field: str) -> bytes:
    return f"v1|{tenant_id}|{field}".encode()


def wrap_bound_to(kid: str, tenant_id: int, field: str) -> bytes:
    return f"v1|{kid}|{tenant_id}|{field}".encode()


def encrypt(key: bytes, plain: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def decrypt(key: bytes, box: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(box[:NONCE], box[NONCE:], bound)
    except (InvalidTag, ValueError) as error:
        raise Unsealable("sealed for another tenant or field, or damaged") from error


def as_text(box: bytes) -> str:
    return urlsafe_b64encode(box).decode()
