"""What the ingress reads from its environment."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from common.service.settings import Secret, ServiceSettings, refuse_default


def split_secrets(secrets: SecretStr) -> list[str]:
    return [secret.strip() for secret in secrets.get_secret_value().split(",")]


def refuse_any_default(secrets: SecretStr) -> SecretStr:
    for secret in split_secrets(secrets):
        refuse_default(SecretStr(secret))
    return secrets


class Settings(ServiceSettings):
    """Sizes in bytes. Several app secrets are active at once, so that one can be rotated."""

    whatsapp_app_secrets: Annotated[SecretStr, AfterValidator(refuse_any_default)]
    whatsapp_verify_token: Secret
    ingress_port: int = Field(default=8000, ge=0, le=65535, description="0: any free one")
    ingress_held_bytes: int = Field(default=64 << 20, ge=4 << 20)
    ingress_connections: int = Field(default=4096, ge=1)

    @property
    def app_secrets(self) -> tuple[bytes, ...]:
        return tuple(secret.encode() for secret in split_secrets(self.whatsapp_app_secrets))
