"""The assistant's settings."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, HttpUrl

from assistant.prices import read_prices
from common.key_ring_file import ring_file
from common.key_rings import FIELDS
from common.postgres.retention_settings import RowRetentionSettings, UsageRetentionSettings
from common.service.settings import (
    GraphSettings,
    LongSecret,
    ServiceSettings,
    Upstream,
    WorkDatabaseSettings,
)


def with_known_prices(own: str) -> str:
    read_prices(own)
    return own


class Settings(
    ServiceSettings,
    WorkDatabaseSettings,
    GraphSettings,
    RowRetentionSettings,
    UsageRetentionSettings,
):
    """slots: turns in flight at once per process. turn_deadline: seconds of one call of the model.
    turn_budget: seconds of a turn that fails, from its first claim to the fallback text. prices:
    TOML like prices.toml, for models that it does not know or that cost something else here.

    openai_api_key and whatsapp_access_token (for contacts' files) serve the clients that have none
    of their own.
    """

    openai_api_key: LongSecret
    openai_base_url: Upstream = HttpUrl("https://api.openai.com/v1")
    key_ring_file: Annotated[Path, ring_file(opens=FIELDS)] | None = None
    slots: int = 1000
    turn_deadline: float = 45.0
    turn_budget: float = 75.0
    prices: Annotated[str, AfterValidator(with_known_prices)] = ""
