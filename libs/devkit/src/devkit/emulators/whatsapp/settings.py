"""The emulator's settings, read from the environment."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from common.service.settings import FromEnvironment
from devkit.businesses import DEMO
from devkit.emulators.whatsapp.config import WhatsAppConfig, businesses_in
from devkit.emulators.whatsapp.identities import Business, business_of


class WhatsAppSettings(FromEnvironment):
    """Same names as the services, so that both sides of the webhook agree.

    `businesses` is a JSON file, see config.businesses_in; demo_businesses: those of the demo too.
    `real_model`: the base URL of the real model server, if one answers; else `model_control_url` is
    the stand-in's control API, such as http://127.0.0.1:4640/control.
    """

    listen_host: str = "127.0.0.1"
    whatsapp_emulator_port: int = 9102
    webhook_url: str | None = None
    whatsapp_app_secrets: SecretStr
    whatsapp_verify_token: SecretStr
    whatsapp_access_token: SecretStr
    businesses: Path | None = None
    demo_businesses: bool = False
    real_model: str | None = None
    model_control_url: str | None = None
    log_format: Literal["json", "console"] = "json"

    def config(self) -> WhatsAppConfig:
        """Webhooks are signed with the first of the app secrets."""
        return WhatsAppConfig(
            app_secret=self.whatsapp_app_secrets.get_secret_value().split(",")[0].strip(),
            verify_token=self.whatsapp_verify_token.get_secret_value(),
            access_token=self.whatsapp_access_token.get_secret_value(),
            webhook_url=self.webhook_url,
            businesses=self.known(),
            real_model=urlsplit(self.real_model).netloc if self.real_model else None,
            model_control_url=None if self.real_model else self.model_control_url,
        )

    def known(self) -> tuple[Business, ...]:
        from_file = businesses_in(self.businesses) if self.businesses else ()
        return (*from_file, *(business_of(client) for client in DEMO * self.demo_businesses))
