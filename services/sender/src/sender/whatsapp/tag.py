"""The tag that travels with each send and comes back in its statuses.

`v1:<delivery id>:<attempt>:<mac>`: opaque, about 50 characters of the 512 that are allowed. The MAC
keeps a forged or foreign value from settling a delivery.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import blake2b
from uuid import UUID

from common.key_rings import KeyRing

PURPOSE = b"conserje-tag-v1"
MAC_BYTES = 8


class Tags:
    """Signs with the ring's active key, accepts tags of every key in it."""

    def __init__(self, ring: KeyRing) -> None:
        keys = {
            kid: blake2b(key=ring.secret_bytes(kid), person=PURPOSE).digest() for kid in ring.keys
        }
        self._active, self._keys = keys[ring.active], tuple(keys.values())

    def make(self, tenant_id: int, delivery_id: str, attempt: int) -> str:
        signed = f"v1:{delivery_id.replace('-', '')}:{attempt}"
        return f"{signed}:{mac(self._active, tenant_id, signed)}"

    def delivery_of(self, tenant_id: int, tag: str | None) -> str | None:
        """The delivery's id, or None where the tag is not one that was made for this tenant."""
        signed, _, signature = (tag or "").rpartition(":")
        given = signature.encode()
        if not any(
            hmac.compare_digest(mac(key, tenant_id, signed).encode(), given) for key in self._keys
        ):
            return None
        return str(UUID(signed.split(":")[1]))


def mac(key: bytes, tenant_id: int, signed: str) -> str:
    """Keyed BLAKE2b, because OpenSSL's HMAC releases the interpreter lock at each call."""
    digest = blake2b(f"{tenant_id}|{signed}".encode(), key=key, digest_size=MAC_BYTES).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
