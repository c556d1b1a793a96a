"""The settings of the sender, read from its environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from common.key_ring_file import ring_file
from common.postgres.retention_settings import KeepTextsDays, RowRetentionSettings
from common.service.settings import GraphSettings, ServiceSettings, WorkDatabaseSettings


class Settings(ServiceSettings, WorkDatabaseSettings, GraphSettings, RowRetentionSettings):
    key_ring_file: Annotated[Path, ring_file(opens=("access_token",))]
    slots: int = Field(default=200, ge=10, le=2000, description="Graph calls in flight")
    number_per_second: float = Field(
        default=76, gt=0, le=1000, description="Sends per number, of all replicas"
    )
    send_typing: bool = True
    keep_texts_days: KeepTextsDays = 1  # the assistant keeps what was said
