"""The emulator's environment; the only place here that reads it."""

from pydantic import Field
from pydantic_settings import BaseSettings

from devkit.openai.config import EmulatorConfig


class Settings(BaseSettings):
    """`OPENAI_API_KEY` may be a comma-separated list; empty: any key is accepted."""

    openai_emulator_port: int = Field(default=4640, ge=0, le=65535)
    openai_api_key: str = ""
    model_delay_ms: float = Field(default=0, ge=0)
    house_rules: bool = True

    def to_config(self) -> EmulatorConfig:
        keys = (key.strip() for key in self.openai_api_key.split(","))
        return EmulatorConfig(
            api_keys=frozenset(filter(None, keys)),
            house_rules=self.house_rules,
            delay_seconds=self.model_delay_ms / 1000,
        )
