"""The secret that may be used for a tenant: its own, else the installation's."""

from collections.abc import Iterable

from common.events import TenantConfig
from common.key_rings import KeyRing, SecretField, Unsealable
from common.sealed import kid_of, unseal

REMEMBERED = 10_000


class NoSecret(Exception):
    """There is none, or it cannot be opened. The text names no secret."""


class TenantSecrets:
    """Remembers what it opened: opening takes a tenth of a millisecond."""

    def __init__(self, field: SecretField, ring: KeyRing | None, default: str | None) -> None:
        self.field: SecretField = field
        self._ring = ring
        self._default = default
        self._opened: dict[tuple[int, str], str] = {}

    def secret_of(self, tenant: TenantConfig) -> str:
        """Raises NoSecret where a tenant's own cannot be opened: never another's instead."""
        sealed = self._sealed(tenant)
        if sealed is None:
            if self._default is None:
                raise NoSecret(f"{self.field}: the client has none and there is no default")
            return self._default
        key = (tenant.tenant_id, sealed)
        if key not in self._opened:
            if len(self._opened) >= REMEMBERED:
                self._opened.clear()
            self._opened[key] = self._open(*key)
        return self._opened[key]

    def lacking(self, tenants: Iterable[TenantConfig]) -> set[str]:
        """Keys that seal a tenant's secret and are not in the ring, as `access_token 1f0c`."""
        known = set(self._ring.keys) if self._ring else set()
        kids = {kid for tenant in tenants if (kid := self._kid(tenant))}
        return {f"{self.field} {kid}" for kid in kids - known}

    def _kid(self, tenant: TenantConfig) -> str | None:
        """None also for what is not sealed, which no key would open."""
        try:
            return kid_of(self._sealed(tenant) or "")
        except Unsealable:
            return None

    def _sealed(self, tenant: TenantConfig) -> str | None:
        sealed: str | None = getattr(tenant, self.field)
        return sealed

    def _open(self, tenant_id: int, sealed: str) -> str:
        if self._ring is None:
            raise NoSecret("KEY_RING_FILE is not set, and a client has a sealed secret")
        try:
            return unseal(self._ring, tenant_id, self.field, sealed)
        except Unsealable as error:
            raise NoSecret(str(error)) from error
