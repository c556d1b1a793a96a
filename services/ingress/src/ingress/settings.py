"""What the ingress reads from its environment."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from common.service.settings import GuardedSettings, LongSecret, ServiceSettings
from common.service.weak_settings import app_secrets_in, refuse_weak_app_secrets


class Settings(ServiceSettings, GuardedSettings):
    """Sizes in bytes. Several app secrets are active at once, so that one can be rotated."""

    whatsapp_app_secrets: Annotated[SecretStr, AfterValidator(refuse_weak_app_secrets)]
    whatsapp_verify_token: LongSecret
    ingress_port: int = Field(default=8000, ge=0, le=65535, description="0: any free one")
    ingress_held_bytes: int = Field(default=64 << 20, ge=4 << 20)
    ingress_connections: int = Field(default=4096, ge=1)

    @property
    def app_secrets(self) -> tuple[bytes, ...]:
        return tuple(secret.encode() for secret in app_secrets_in(self.whatsapp_app_secrets))
