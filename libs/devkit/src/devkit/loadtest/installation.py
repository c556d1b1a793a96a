"""Where a running installation is reached, and what one must know to write to it."""

from pydantic import Field

from common.service.settings import KafkaSettings, Secret
from devkit.loadtest.plan import Endpoints


class Installation(KafkaSettings):
    """From the environment, or as given; the names are those of the services.

    URLs without a trailing slash; Meta and OpenAI are the emulators.
    """

    webhook_url: str = "http://ingress:8000/webhook"
    admin_url: str = "http://tenant-admin:8001"
    chat_url: str = "http://whatsapp:8080"
    openai_base_url: str = "http://openai:4640/v1"
    whatsapp_app_secrets: Secret
    whatsapp_access_token: Secret
    admin_api_key: Secret = Field(min_length=16)

    @property
    def access_token(self) -> str:
        return self.whatsapp_access_token.get_secret_value()

    @property
    def admin_key(self) -> str:
        """The newest of those that are valid."""
        return self.admin_api_key.get_secret_value().split(",")[0]

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(
            webhook_url=self.webhook_url,
            app_secret=self.whatsapp_app_secrets.get_secret_value().split(",")[0],
            whatsapp_url=self.chat_url,
            openai_url=self.openai_base_url.removesuffix("/v1"),
            kafka=self,
        )
