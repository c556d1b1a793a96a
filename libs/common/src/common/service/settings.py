"""Settings: one frozen class per service, read from the environment, secrets also from files.

A missing or default secret stops the process with one line per problem, naming the variable.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    FilePath,
    HttpUrl,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
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


def refuse_other_database(url: SecretStr) -> SecretStr:
    scheme, separator, _ = url.get_secret_value().partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("must begin with postgresql://")
    return url


DatabaseUrl = Annotated[Secret, AfterValidator(refuse_other_database)]


class DatabaseSettings(FromEnvironment):
    """All that a migration needs: postgresql://user:password@host:port/database.

    database_ca_file: PEM of who signed the server's certificate, if not a public authority.
    """

    database_url: DatabaseUrl
    database_ca_file: FilePath | None = None


class WorkDatabaseSettings(DatabaseSettings):
    """For services whose processes prove by a lock of their session that they live.

    database_direct_host: host:port of PostgreSQL itself, where database_url leads to a pooler.
    database_pool_mode: `session` where a pooler gives every client a session of its own.
    """

    database_direct_host: str = ""
    database_pool_mode: Literal["auto", "session"] = "auto"


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


SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
# What a topic or group may be called: https://kafka.apache.org/documentation/#topicconfigs
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)]


class KafkaSettings(FromEnvironment):
    """Where the broker is (host:port, several with commas), as whom it is reached, and what the
    names of our topics and groups begin with there.

    With OAUTHBEARER, username and password are the client's id and secret at the token endpoint.
    """

    kafka_bootstrap_servers: str
    kafka_security_protocol: SecurityProtocol | None = None
    kafka_sasl_mechanism: SaslMechanism | None = None
    kafka_username: str | None = None
    kafka_password: Secret | None = None
    kafka_oauth_token_url: HttpUrl | None = None
    kafka_oauth_scope: str | None = None
    kafka_ca_file: FilePath | None = None
    kafka_certificate_file: FilePath | None = None
    kafka_key_file: FilePath | None = None
    kafka_key_password: Secret | None = None
    kafka_topic_prefix: Prefix = ""
    kafka_group_prefix: Prefix = ""

    @property
    def protocol(self) -> SecurityProtocol:
        return self.kafka_security_protocol or "PLAINTEXT"

    @property
    def uses_sasl(self) -> bool:
        return self.protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        return self.protocol.endswith("SSL")

    def topic_name(self, name: str) -> str:
        """What the broker calls a topic of topics.py."""
        return self.kafka_topic_prefix + name

    def group_name(self, group: str) -> str:
        """What the broker calls a consumer group."""
        return self.kafka_group_prefix + group

    def kafka_environment(self) -> dict[str, str]:
        """The same as variables, for a process that is to reach the same broker as the same user;
        secrets in clear."""
        values = {name: getattr(self, name) for name in KafkaSettings.model_fields}
        return {
            name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in values.items()
            if value is not None
        }

    @model_validator(mode="after")
    def check_kafka_security(self) -> Self:
        """What is missing is named here: librdkafka would only say that the broker is away."""
        given = [name for name in SECURITY_SETTINGS if getattr(self, name)]
        if given and not self.kafka_security_protocol:
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL is missing, without which {given[0].upper()} has no "
                "effect; set SASL_SSL, SSL, SASL_PLAINTEXT or PLAINTEXT"
            )
        needed: tuple[str, ...] = SASL_SETTINGS if self.uses_sasl else ()
        if needed and self.kafka_sasl_mechanism == "OAUTHBEARER":
            needed = (*needed, "kafka_oauth_token_url")
        for name in needed:
            if not getattr(self, name):
                raise ValueError(f"{name.upper()} is missing; {self.protocol} needs it")
        if (self.kafka_certificate_file is None) != (self.kafka_key_file is None):
            raise ValueError("KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE go together; set both")
        return self


SASL_SETTINGS = ("kafka_sasl_mechanism", "kafka_username", "kafka_password")
SECURITY_SETTINGS = (*SASL_SETTINGS, "kafka_ca_file", "kafka_certificate_file")


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
    problem = str(detail["msg"].removeprefix("Value error, "))
    return f"{name}: {problem}" if name else problem  # of several settings together: it names them
