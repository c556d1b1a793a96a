"""The settings of tenant-admin, its migrations and its command line."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.settings import FileSource, Secret, ServiceSettings


class TenantAdminSettings(ServiceSettings):
    """The service's."""

    database_url: SecretStr
    admin_port: int = Field(default=8001, ge=0, le=65535)
    admin_api_key: Secret = Field(min_length=16)
    key_ring_file: Path | None = None


class DatabaseSettings(BaseSettings):
    """All that a migration needs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileSource(settings_cls)


class CommandSettings(DatabaseSettings):
    """The command line's: with a broker, a change is published at once."""

    kafka_bootstrap_servers: str | None = None
    key_ring_file: Path | None = None
    editor: str = "vi"
