"""A Kafka user per service, with SCRAM: `python -m ops.create_kafka_users`; safe to repeat.

A repeat sets the passwords again, which is how a password is rotated. Their rights are the topics
job's: `python -m ops.create_topics --acls`.
"""

import sys
from collections.abc import Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from common.kafka.kafka_access import client_config
from common.service.no_words import refuse_words
from common.service.settings import KafkaSettings, Secret, load
from ops.create_topics import refusal_line

SCRAM = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
DEADLINE = 30.0


class KafkaUserSettings(KafkaSettings):
    """The user of the settings is an administrator; the others are the services' passwords."""

    ingress_kafka_password: Secret
    router_kafka_password: Secret
    assistant_kafka_password: Secret
    sender_kafka_password: Secret
    tenant_admin_kafka_password: Secret
    operator_kafka_password: Secret

    def passwords(self) -> dict[str, str]:
        return {
            "ingress": self.ingress_kafka_password.get_secret_value(),
            "router": self.router_kafka_password.get_secret_value(),
            "assistant": self.assistant_kafka_password.get_secret_value(),
            "sender": self.sender_kafka_password.get_secret_value(),
            "tenant-admin": self.tenant_admin_kafka_password.get_secret_value(),
            "operator": self.operator_kafka_password.get_secret_value(),
        }


def create_users(kafka: KafkaSettings, passwords: Mapping[str, str]) -> None:
    """Returns when the broker knows them all. Raises KafkaException."""
    admin = AdminClient(client_config(kafka))
    upserts: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(user, SCRAM, password.encode())
        for user, password in passwords.items()
    ]
    for result in admin.alter_user_scram_credentials(upserts, request_timeout=DEADLINE).values():
        result.result(DEADLINE)


def main() -> None:
    refuse_words(__doc__)
    settings = load(KafkaUserSettings)
    try:
        create_users(settings, settings.passwords())
    except KafkaException as error:
        raise SystemExit(refusal_line(error.args[0])) from None
    sys.stdout.write(f"Kafka users are there: {', '.join(settings.passwords())}\n")


if __name__ == "__main__":
    main()
