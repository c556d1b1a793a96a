"""The WhatsApp token that may send for a client: its own, else the installation's."""

from common.events import TenantConfig
from common.sealed import KeyRing, Unsealable, unseal

FIELD = "access_token"
MAX_OPENED = 10_000


class NoToken(Exception):
    """Nobody gave one, or it cannot be read. The text names no secret."""


class Tokens:
    """Remembers what it unsealed: a token costs two decryptions."""

    def __init__(self, ring: KeyRing, default: str | None) -> None:
        self._ring, self._default = ring, default
        self._opened: dict[tuple[int, str], str] = {}

    def of(self, tenant: TenantConfig) -> str:
        """Raises NoToken."""
        if tenant.access_token is None:
            if self._default is None:
                raise NoToken("no token of the client's own and no default")
            return self._default
        key = (tenant.tenant_id, tenant.access_token)
        if key not in self._opened:
            if len(self._opened) >= MAX_OPENED:
                self._opened.clear()
            self._opened[key] = self._open(*key)
        return self._opened[key]

    def _open(self, tenant_id: int, sealed: str) -> str:
        try:
            return unseal(self._ring, tenant_id, FIELD, sealed)
        except Unsealable as error:
            raise NoToken(str(error)) from error
