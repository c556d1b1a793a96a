"""The emulator's settings, read from the environment."""

from pydantic import Field, SecretStr

from common.service.settings import FromEnvironment
from devkit.emulators.openai.config import EmulatorConfig


class OpenAISettings(FromEnvironment):
    """`OPENAI_API_KEY`: the accepted keys, comma-separated; none: any key is accepted."""

    listen_host: str = "127.0.0.1"
    openai_emulator_port: int = Field(default=4640, ge=0, le=65535)
    openai_api_key: SecretStr = SecretStr("")
    model_delay_ms: float = Field(default=0, ge=0)
    house_rules: bool = True

    def config(self) -> EmulatorConfig:
        keys = self.openai_api_key.get_secret_value().split(",")
        return EmulatorConfig(
            api_keys=frozenset(filter(None, map(str.strip, keys))),
            house_rules=self.house_rules,
            delay_seconds=self.model_delay_ms / 1000,
        )
