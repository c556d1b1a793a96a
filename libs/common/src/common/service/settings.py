"""Settings: one frozen class per service, read from the environment, secrets also from files.

A missing or default secret stops the process with one line per problem, naming the variable.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, HttpUrl, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from common.service.crash_points import check_crash_at
from common.service.weak_settings import (
    refuse_clear_text,
    refuse_default,
    refuse_demo,
    refuse_short,
)

Secret = Annotated[SecretStr, AfterValidator(refuse_default), AfterValidator(refuse_demo)]
LongSecret = Annotated[Secret, AfterValidator(refuse_short)]
Upstream = Annotated[HttpUrl, AfterValidator(refuse_clear_text)]


class WrongFile(ValueError):
    """A NAME_FILE that cannot be the setting's value; the text names it."""


class FileSource(PydanticBaseSettingsSource):
    """NAME_FILE=/path holds the value of NAME: how Docker and Kubernetes hand over secrets.

    An empty file says as little as an empty variable: the setting is not set. Raises WrongFile.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = field_name.upper()
        path = os.environ.get(f"{name}_FILE")
        value = text_of(name, Path(path)) if path else None
        return value or None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self._fields}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def _fields(self) -> list[tuple[str, FieldInfo]]:
        return list(self.settings_cls.model_fields.items())


def text_of(name: str, path: Path) -> str:
    if os.environ.get(name):
        raise WrongFile(f"{name} and {name}_FILE are both set; which of them counts? Remove one")
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise WrongFile(f"{name}_FILE: {path} is not text in UTF-8") from None


class FromEnvironment(BaseSettings):
    """Read from the environment and from the files that NAME_FILE variables name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

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


class DatabaseSettings(FromEnvironment):
    """All that a migration needs: postgresql://user:password@host:port/database."""

    database_url: Secret


class GuardedSettings(FromEnvironment):
    """Refuses secrets that can be guessed. allow_weak_secrets: names of variables for which it does
    not, comma-separated, or `all` in a demo."""

    allow_weak_secrets: str = ""


class GraphSettings(GuardedSettings):
    """Meta's Graph API with its version; the token serves clients that have none of their own.

    allow_http_upstreams: hosts, comma-separated, that are called without TLS; this machine's own
    addresses need no permission.
    """

    allow_http_upstreams: str = ""
    whatsapp_graph_url: Upstream = HttpUrl("https://graph.facebook.com/v26.0")
    whatsapp_access_token: LongSecret | None = None

    @property
    def default_access_token(self) -> str | None:
        token = self.whatsapp_access_token
        return token.get_secret_value() if token else None


class KafkaSettings(FromEnvironment):
    """Where the broker is: host:port, several with commas."""

    kafka_bootstrap_servers: str


class ServiceSettings(KafkaSettings):
    """What every service needs."""

    listen_host: str = "127.0.0.1"
    health_port: int = 9000
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    crash_at: Annotated[str, AfterValidator(check_crash_at)] | None = None  # for fault tests alone


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S]) -> S:
    """The settings, or exit code 2 after one line per wrong variable."""
    try:
        return settings()
    except ValidationError as error:
        for problem in problems(error):
            sys.stderr.write(f"settings: {problem}\n")
    except WrongFile as error:
        sys.stderr.write(f"settings: {error}\n")
    except OSError as error:
        sys.stderr.write(f"settings: cannot read {error.filename}: {error.strerror}\n")
    raise SystemExit(2)


def problems(error: ValidationError) -> list[str]:
    return [problem_line(detail) for detail in error.errors(include_input=False, include_url=False)]


def problem_line(detail: Any) -> str:
    name = ".".join(map(str, detail["loc"])).upper()
    if detail["type"] == "missing":
        return f"{name} is missing; set {name}, or {name}_FILE to a file that holds it"
    return f"{name}: {detail['msg'].removeprefix('Value error, ')}"
