"""Where the installation is, from the environment; the names are those of the services."""

from pydantic import Field

from common.service.settings import KafkaSettings, Secret
from devkit.loadtest.installation import Installation


class InstallationSettings(KafkaSettings):
    """URLs of a running installation whose Meta and OpenAI are the emulators."""

    webhook_url: str = "http://ingress:8000/webhook"
    admin_url: str = "http://tenant-admin:8001"
    chat_url: str = "http://whatsapp:8080"
    openai_base_url: str = "http://openai:4640/v1"
    whatsapp_app_secrets: Secret
    whatsapp_access_token: Secret
    admin_api_key: Secret = Field(min_length=16)

    def installation(self) -> Installation:
        return Installation(
            webhook_url=self.webhook_url,
            admin_url=self.admin_url,
            chat_url=self.chat_url,
            model_url=self.openai_base_url.removesuffix("/v1"),
            kafka=self.kafka_bootstrap_servers,
            app_secret=self.whatsapp_app_secrets.get_secret_value().split(",")[0],
            access_token=self.whatsapp_access_token.get_secret_value(),
            admin_api_key=self.admin_api_key.get_secret_value(),
        )
