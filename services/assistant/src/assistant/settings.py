"""The assistant's settings."""

from pathlib import Path

from pydantic import SecretStr

from common.settings import Secret, ServiceSettings


class DatabaseSettings(ServiceSettings):
    """What migrations need too."""

    kafka_bootstrap_servers: str = ""
    database_url: SecretStr


class AssistantSettings(DatabaseSettings):
    """slots: turns in hand at once per process. turn_deadline: seconds.

    openai_api_key serves the clients that have no key of their own.
    """

    kafka_bootstrap_servers: str
    openai_api_key: Secret
    openai_base_url: str = "https://api.openai.com/v1"
    key_ring_file: Path | None = None
    slots: int = 1000
    turn_deadline: float = 45.0
