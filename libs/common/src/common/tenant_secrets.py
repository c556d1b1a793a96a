"""The secret that may be used for a tenant: its own, else the installation's."""

from typing import Literal

from common.events import TenantConfig
from common.sealed import KeyRing, Unsealable, unseal

SecretField = Literal["access_token", "openai_api_key"]
REMEMBERED = 10_000


class NoSecret(Exception):
    """There is none, or it cannot be opened. The text names no secret."""


class TenantSecrets:
    """Remembers what it opened: opening costs two decryptions."""

    def __init__(self, field: SecretField, ring: KeyRing | None, default: str | None) -> None:
        self._field: SecretField = field
        self._ring = ring
        self._default = default
        self._opened: dict[tuple[int, str], str] = {}

    def secret_of(self, tenant: TenantConfig) -> str:
        """Raises NoSecret where a tenant's own cannot be opened: never another's instead."""
        sealed: str | None = getattr(tenant, self._field)
        if sealed is None:
            if self._default is None:
                raise NoSecret(f"{self._field}: the client has none and there is no default")
            return self._default
        key = (tenant.tenant_id, sealed)
        if key not in self._opened:
            if len(self._opened) >= REMEMBERED:
                self._opened.clear()
            self._opened[key] = self._open(*key)
        return self._opened[key]

    def _open(self, tenant_id: int, sealed: str) -> str:
        if self._ring is None:
            raise NoSecret("KEY_RING_FILE is not set, and a client has a sealed secret")
        try:
            return unseal(self._ring, tenant_id, self._field, sealed)
        except Unsealable as error:
            raise NoSecret(str(error)) from error
