"""How every client of librdkafka reaches the broker, and what is said when it is refused.

The router's Faust has a client of its own: `router/faust_credentials.py`.
"""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any

import structlog
from confluent_kafka import KafkaError

from common.service.settings import KafkaSettings

log = structlog.get_logger()
REPEAT_SECONDS = 60.0
UNREACHABLE = KafkaError._ALL_BROKERS_DOWN  # also of a listener that speaks another protocol
ACLS = "let the broker's administrator run: python -m ops.create_topics --acls"
# What an operator can mend: which settings are meant, and how.
REMEDIES: dict[int, tuple[str, str]] = {
    KafkaError._AUTHENTICATION: (
        "KAFKA_USERNAME, KAFKA_PASSWORD, KAFKA_SASL_MECHANISM; with OAUTHBEARER also "
        "KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_SCOPE",
        "correct them: the broker does not know this user with this password and mechanism, or no "
        "token was given",
    ),
    KafkaError._SSL: (
        "KAFKA_CA_FILE, KAFKA_CERTIFICATE_FILE, KAFKA_BOOTSTRAP_SERVERS",
        "give the CA that signed the broker's certificate, the name that is in it, and the client "
        "certificate if the broker asks for one",
    ),
    KafkaError.TOPIC_AUTHORIZATION_FAILED: ("KAFKA_USERNAME", ACLS),
    KafkaError.GROUP_AUTHORIZATION_FAILED: ("KAFKA_USERNAME", ACLS),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: ("KAFKA_USERNAME", ACLS),
    UNREACHABLE: (
        "KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL",
        "start the broker, or correct its address, or set the protocol of that listener: SASL_SSL, "
        "SSL, SASL_PLAINTEXT or PLAINTEXT",
    ),
}


def client_config(kafka: KafkaSettings) -> dict[str, Any]:
    """librdkafka's options that every client has."""
    return {
        "bootstrap.servers": kafka.kafka_bootstrap_servers,
        "security.protocol": kafka.protocol,
        "error_cb": report_refusal,
        "log_level": 2,
        **(sasl_config(kafka) if kafka.uses_sasl else {}),
        **(tls_config(kafka) if kafka.uses_tls else {}),
    }


def sasl_config(kafka: KafkaSettings) -> dict[str, Any]:
    password = kafka.kafka_password.get_secret_value() if kafka.kafka_password else None
    if kafka.kafka_sasl_mechanism != "OAUTHBEARER":
        return {
            "sasl.mechanism": kafka.kafka_sasl_mechanism,
            "sasl.username": kafka.kafka_username,
            "sasl.password": password,
        }
    scope = {"sasl.oauthbearer.scope": kafka.kafka_oauth_scope} if kafka.kafka_oauth_scope else {}
    return {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": str(kafka.kafka_oauth_token_url),
        "sasl.oauthbearer.client.id": kafka.kafka_username,
        "sasl.oauthbearer.client.secret": password,
        **scope,
    }


def tls_config(kafka: KafkaSettings) -> dict[str, Any]:
    """Without a CA of one's own, those of the system count."""
    key_password = kafka.kafka_key_password
    options = {
        "ssl.ca.location": kafka.kafka_ca_file,
        "ssl.certificate.location": kafka.kafka_certificate_file,
        "ssl.key.location": kafka.kafka_key_file,
        "ssl.key.password": key_password.get_secret_value() if key_password else None,
    }
    return {name: str(value) for name, value in options.items() if value is not None}


class Refusals:
    """Says what the broker refuses, or that there is none, once a minute for each kind; safe from
    any thread."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._reported_at: dict[tuple[int, str | None], float] = {}
        self._lock = Lock()

    def report(self, error: KafkaError, topic: str | None = None) -> None:
        """Nothing for an error of one connection or one moment."""
        remedy = remedy_of(error)
        if remedy is None or not self._is_due((error.code(), topic)):
            return
        settings, action = remedy
        log.error(
            "kafka_unreachable" if error.code() == UNREACHABLE else "kafka_refused",
            error=error.name(),
            reason=error.str(),
            topic=topic,
            settings=settings,
            remedy=action,
        )

    def _is_due(self, kind: tuple[int, str | None]) -> bool:
        with self._lock:
            due = self._now() >= self._reported_at.get(kind, -REPEAT_SECONDS) + REPEAT_SECONDS
            if due:
                self._reported_at[kind] = self._now()
            return due


def remedy_of(error: KafkaError) -> tuple[str, str] | None:
    """The settings that may be wrong, and what to do; None for what only waiting mends."""
    return REMEDIES.get(error.code())


report_refusal = Refusals().report  # one for all clients of a process
