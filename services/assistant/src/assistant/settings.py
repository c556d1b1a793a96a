"""The assistant's settings."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from assistant.prices import read_prices
from common.service.settings import DatabaseSettings, Secret, ServiceSettings


def with_known_prices(own: str) -> str:
    read_prices(own)
    return own


class Settings(ServiceSettings, DatabaseSettings):
    """slots: turns in flight at once per process. turn_deadline: seconds.

    openai_api_key serves the clients that have no key of their own. prices: TOML like prices.toml,
    for models that it does not know or that cost something else here.
    """

    openai_api_key: Secret
    openai_base_url: str = "https://api.openai.com/v1"
    key_ring_file: Path | None = None
    slots: int = 1000
    turn_deadline: float = 45.0
    prices: Annotated[str, AfterValidator(with_known_prices)] = ""
