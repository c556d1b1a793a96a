"""What a verification in containers reads from its environment."""

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ContainerSettings(BaseSettings):
    """build_ca_file, build_pip_conf: what a build here needs to reach the package index."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    docker_host: str | None = None
    build_ca_file: Path | None = Field(
        default=None, validation_alias=AliasChoices("build_ca_file", "ssl_cert_file")
    )
    build_pip_conf: Path | None = Field(
        default=None, validation_alias=AliasChoices("build_pip_conf", "pip_config_file")
    )

    def for_build(self) -> dict[str, str]:
        files = {"BUILD_CA_FILE": self.build_ca_file, "BUILD_PIP_CONF": self.build_pip_conf}
        return {name: str(path.resolve()) for name, path in files.items() if path}
