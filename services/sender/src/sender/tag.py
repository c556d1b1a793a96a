"""The tag that travels with each send and comes back in its statuses.

`v1:<delivery id>:<attempt>:<mac>`: opaque, 54 characters or a little more, at most 512 are allowed.
The MAC keeps a forged or foreign value from settling a delivery.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from uuid import UUID

from common.sealed import KeyRing

PURPOSE = b"conserje delivery tag v1"
MAC_BYTES = 8


class Tags:
    """Signs with the ring's active key, knows tags of every key in it."""

    def __init__(self, ring: KeyRing) -> None:
        keys = {kid: hmac.digest(ring.key(kid), PURPOSE, sha256) for kid in ring.keys}
        self._active, self._keys = keys[ring.active], tuple(keys.values())

    def make(self, tenant_id: int, delivery_id: str, attempt: int) -> str:
        said = f"v1:{UUID(delivery_id).hex}:{attempt}"
        return f"{said}:{mac(self._active, tenant_id, said)}"

    def delivery_of(self, tenant_id: int, tag: str | None) -> str | None:
        """The delivery's id, or None where the tag is not one that we gave to this tenant."""
        said, _, signature = (tag or "").rpartition(":")
        given = signature.encode()
        if not any(
            hmac.compare_digest(mac(key, tenant_id, said).encode(), given) for key in self._keys
        ):
            return None
        return str(UUID(said.split(":")[1]))


def mac(key: bytes, tenant_id: int, said: str) -> str:
    digest = hmac.digest(key, f"{tenant_id}|{said}".encode(), sha256)
    return urlsafe_b64encode(digest[:MAC_BYTES]).decode().rstrip("=")
