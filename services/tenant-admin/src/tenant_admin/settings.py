"""The settings of tenant-admin and its command line."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from common.key_ring_file import ring_file
from common.key_rings import FIELDS
from common.postgres.retention_settings import UsageRetentionSettings
from common.service.settings import DatabaseSettings, GraphSettings, LongSecret, ServiceSettings


class Settings(ServiceSettings, DatabaseSettings, GraphSettings, UsageRetentionSettings):
    """The service's."""

    admin_port: int = Field(default=8001, ge=0, le=65535)
    admin_api_key: LongSecret = Field(min_length=16)
    key_ring_file: Annotated[Path, ring_file(seals=FIELDS)]


class CommandSettings(DatabaseSettings, GraphSettings):
    """The command line's: with a broker, a change is published at once."""

    kafka_bootstrap_servers: str | None = None
    key_ring_file: Path | None = None
    editor: str = "vi"
