"""The emulator's settings, read from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.settings import FileSource
from devkit.whatsapp.config import WhatsAppConfig, businesses_in


class WhatsAppSettings(BaseSettings):
    """Same names as the services, so that both sides of the webhook agree.

    `businesses` is a JSON file, see config.businesses_in.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    whatsapp_emulator_port: int = 9102
    webhook_url: str | None = None
    whatsapp_app_secrets: SecretStr
    whatsapp_verify_token: SecretStr
    whatsapp_access_token: SecretStr
    businesses: Path | None = None
    log_format: Literal["json", "console"] = "json"

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

    def config(self) -> WhatsAppConfig:
        """Webhooks are signed with the first of the app secrets."""
        return WhatsAppConfig(
            app_secret=self.whatsapp_app_secrets.get_secret_value().split(",")[0].strip(),
            verify_token=self.whatsapp_verify_token.get_secret_value(),
            access_token=self.whatsapp_access_token.get_secret_value(),
            webhook_url=self.webhook_url,
            businesses=businesses_in(self.businesses) if self.businesses else (),
        )
