"""Where a running installation is reached, and what one must know to write to it."""

from dataclasses import dataclass, field

from devkit.loadtest.plan import Endpoints


@dataclass(frozen=True, slots=True)
class Installation:
    """URLs without a trailing slash. chat_url and model_url are the emulators'."""

    webhook_url: str
    admin_url: str
    chat_url: str
    model_url: str
    kafka: str
    app_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    admin_api_key: str = field(repr=False)

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(
            webhook_url=self.webhook_url,
            app_secret=self.app_secret,
            whatsapp_url=self.chat_url,
            openai_url=self.model_url,
            kafka=self.kafka,
        )
