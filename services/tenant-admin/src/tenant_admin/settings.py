"""The settings of tenant-admin and its command line."""

from pathlib import Path

from pydantic import Field

from common.postgres.retention_settings import UsageRetentionSettings
from common.service.settings import DatabaseSettings, GraphSettings, Secret, ServiceSettings


class Settings(ServiceSettings, DatabaseSettings, GraphSettings, UsageRetentionSettings):
    """The service's."""

    admin_port: int = Field(default=8001, ge=0, le=65535)
    admin_api_key: Secret = Field(min_length=16)
    key_ring_file: Path | None = None


class CommandSettings(DatabaseSettings, GraphSettings):
    """The command line's: with a broker, a change is published at once."""

    kafka_bootstrap_servers: str | None = None
    key_ring_file: Path | None = None
    editor: str = "vi"
