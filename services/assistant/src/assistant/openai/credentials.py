"""Which OpenAI key a client's turns use: its own, unsealed here, or the installation's."""

from common.events import TenantConfig
from common.sealed import KeyRing, Unsealable, unseal

FIELD = "openai_api_key"


class Credentials:
    def __init__(self, default_key: str, ring: KeyRing | None) -> None:
        self.default_key = default_key
        self._ring = ring

    def api_key(self, tenant: TenantConfig) -> str:
        """Raises Unsealable where a client's own key cannot be opened: never another's instead."""
        if tenant.openai_api_key is None:
            return self.default_key
        if self._ring is None:
            raise Unsealable("KEY_RING_FILE is not set, and a client has a sealed key")
        return unseal(self._ring, tenant.tenant_id, FIELD, tenant.openai_api_key)
