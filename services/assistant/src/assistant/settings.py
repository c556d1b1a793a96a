"""The assistant's settings."""

from pathlib import Path

from common.service.settings import DatabaseSettings, GraphSettings, Secret, ServiceSettings


class Settings(ServiceSettings, DatabaseSettings, GraphSettings):
    """slots: turns in flight at once per process. turn_deadline: seconds.

    openai_api_key and whatsapp_access_token (for contacts' files) serve the clients that have none
    of their own.
    """

    openai_api_key: Secret
    openai_base_url: str = "https://api.openai.com/v1"
    key_ring_file: Path | None = None
    slots: int = 1000
    turn_deadline: float = 45.0
