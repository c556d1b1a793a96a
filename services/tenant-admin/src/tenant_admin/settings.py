"""The settings of tenant-admin and its command line."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from common.key_ring_file import ring_file
from common.key_rings import FIELDS
from common.postgres.retention_settings import UsageRetentionSettings
from common.service.settings import (
    DatabaseSettings,
    FromEnvironment,
    GraphSettings,
    KafkaSettings,
    Secret,
    ServiceSettings,
)
from common.service.weak_settings import admin_keys_in, refuse_weak_admin_keys


class OperatorSettings(KafkaSettings):
    """With a Kafka user of the operator's own, commands that look at topics and send records again
    need not be, and are not, the service's user."""

    operator_kafka_username: str | None = None
    operator_kafka_password: Secret | None = None

    def as_operator(self) -> KafkaSettings:
        """The operator's user, where there is one, else the service's."""
        if not self.operator_kafka_username or not self.operator_kafka_password:
            return self
        mine = {
            "kafka_username": self.operator_kafka_username,
            "kafka_password": self.operator_kafka_password,
        }
        return self.model_copy(update=mine)


class ReplaySettings(OperatorSettings):
    """Of `scripts/replay.py`."""


class DoctorSettings(FromEnvironment):
    """Of `manage_clients.py doctor`, beside those of the database and Kafka."""

    key_ring_file: Path | None = None


class LanguageSettings(FromEnvironment):
    """What setlocale(3) reads for messages, in the order of precedence."""

    lc_all: str = ""
    lc_messages: str = ""
    lang: str = ""

    @property
    def spanish(self) -> bool:
        return (self.lc_all or self.lc_messages or self.lang).lower().startswith("es")


class Settings(
    ServiceSettings, OperatorSettings, DatabaseSettings, GraphSettings, UsageRetentionSettings
):
    """The service's, and what the commands in its container read."""

    admin_port: int = Field(default=8001, ge=0, le=65535)
    admin_api_key: Annotated[SecretStr, AfterValidator(refuse_weak_admin_keys)]
    key_ring_file: Annotated[Path, ring_file(seals=FIELDS)]

    @property
    def bootstrap_keys(self) -> tuple[str, ...]:
        """Several are valid at once, so that one can be rotated; none where it is switched off."""
        return tuple(admin_keys_in(self.admin_api_key))


class CommandSettings(DatabaseSettings, GraphSettings, KafkaSettings):
    """The command line's: with a broker, a change is published at once."""

    kafka_bootstrap_servers: str = ""
    key_ring_file: Path | None = None
    editor: str = "vi"
