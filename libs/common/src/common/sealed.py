"""Sealed secrets, bound to their tenant and field: moved to another one they are unreadable.

HPKE (RFC 9180) seals to the public half of the ring's active key. Wire form: v2.<kid>.<base64url of
the encapsulated key and the ciphertext>. Under a symmetric key see symmetric_envelope.
"""

from base64 import urlsafe_b64decode
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from common import symmetric_envelope
from common.key_rings import KeyRing, KeyUse, Unsealable, encoded

VERSION = "v2"
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
DAMAGED = "sealed for another tenant or field, or damaged"


class Sealed(NamedTuple):
    version: str
    kid: str
    rest: str


def seal(ring: KeyRing, tenant_id: int, field: str, secret: str) -> str:
    kid, plain = ring.active, secret.encode()
    key = ring.key(kid)
    if isinstance(key, bytes):
        return symmetric_envelope.close_envelope(key, kid, tenant_id, field, plain)
    public = key.public_key() if isinstance(key, X25519PrivateKey) else key
    box = SUITE.encrypt(plain, public, bound_to(kid, tenant_id, field))
    return ".".join((VERSION, kid, encoded(box)))


def unseal(ring: KeyRing, tenant_id: int, field: str, sealed: str) -> str:
    """Raises Unsealable; the message never holds the value."""
    version, kid, rest = parts_of(sealed)
    key = ring.key(kid)
    if version == symmetric_envelope.VERSION and isinstance(key, bytes):
        return symmetric_envelope.open_envelope(key, kid, tenant_id, field, rest).decode()
    if version == VERSION and isinstance(key, X25519PrivateKey):
        return decrypt(key, bound_to(kid, tenant_id, field), rest).decode()
    ring.secret_bytes(kid)
    raise Unsealable(DAMAGED)


def decrypt(key: X25519PrivateKey, bound: bytes, rest: str) -> bytes:
    try:
        return SUITE.decrypt(urlsafe_b64decode(rest), key, bound)
    except (InvalidTag, ValueError) as error:
        raise Unsealable(DAMAGED) from error


def rewrap(ring: KeyRing, tenant_id: int, field: str, sealed: str) -> str:
    """The same secret under the ring's active key."""
    return seal(ring, tenant_id, field, unseal(ring, tenant_id, field, sealed))


def kid_of(sealed: str) -> str:
    return parts_of(sealed).kid


def use_of(field: str, sealed: str) -> KeyUse:
    version, kid, _ = parts_of(sealed)
    return KeyUse(field, kid, symmetric=version == symmetric_envelope.VERSION)


def parts_of(sealed: str) -> Sealed:
    version, *parts = sealed.split(".", 2)
    if version not in (VERSION, symmetric_envelope.VERSION) or len(parts) != 2:
        raise Unsealable("not a sealed value")
    return Sealed(version, *parts)


def bound_to(kid: str, tenant_id: int, field: str) -> bytes:
    return f"conserje|{VERSION}|{kid}|{tenant_id}|{field}".encode()
