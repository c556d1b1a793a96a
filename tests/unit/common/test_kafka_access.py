"""How Kafka is reached: what settings must say, what librdkafka gets, what is said of errors."""

from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from pydantic import ValidationError
from structlog.testing import capture_logs

from common.kafka.kafka_access import REPEAT_SECONDS, Refusals, client_config
from common.service.settings import KafkaSettings, problems
from devkit.stack.broker_security import GivenKafkaSettings

BROKER = {"kafka_bootstrap_servers": "broker:9092"}
SASL = {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "SCRAM-SHA-512",
    "kafka_username": "sender",
    "kafka_password": "a-password",
}
OAUTH = SASL | {
    "kafka_sasl_mechanism": "OAUTHBEARER",
    "kafka_oauth_token_url": "https://login.example.com/token",
}


def given(**settings: object) -> KafkaSettings:
    return GivenKafkaSettings.model_validate(BROKER | settings)


def refused(**settings: object) -> str:
    with pytest.raises(ValidationError) as error:
        given(**settings)
    [problem] = problems(error.value)
    return problem


def test_without_more_nothing_is_encrypted_and_nobody_is_named() -> None:
    config = client_config(given())
    assert config["security.protocol"] == "PLAINTEXT"
    assert not [name for name in config if name.startswith(("sasl.", "ssl."))]


def test_a_user_with_a_password() -> None:
    config = client_config(given(**SASL))
    assert config["security.protocol"] == "SASL_SSL"
    assert config["sasl.mechanism"] == "SCRAM-SHA-512"
    assert (config["sasl.username"], config["sasl.password"]) == ("sender", "a-password")


def test_a_client_with_tokens() -> None:
    config = client_config(given(**OAUTH, kafka_oauth_scope="kafka"))
    assert config["sasl.oauthbearer.method"] == "oidc"
    assert config["sasl.oauthbearer.client.id"] == "sender"
    assert config["sasl.oauthbearer.client.secret"] == "a-password"
    assert config["sasl.oauthbearer.token.endpoint.url"] == "https://login.example.com/token"
    assert config["sasl.oauthbearer.scope"] == "kafka"
    assert "sasl.username" not in config


def test_a_client_certificate(tmp_path: Path) -> None:
    ca, certificate, key = (tmp_path / name for name in ("ca", "certificate", "key"))
    for path in (ca, certificate, key):
        path.touch()
    files = {
        "kafka_security_protocol": "SSL",
        "kafka_ca_file": ca,
        "kafka_certificate_file": certificate,
        "kafka_key_file": key,
        "kafka_key_password": "of-the-key",
    }
    config = client_config(given(**files))
    assert config["ssl.ca.location"] == str(ca)
    assert config["ssl.certificate.location"] == str(certificate)
    assert config["ssl.key.location"] == str(key)
    assert config["ssl.key.password"] == "of-the-key"
    assert "KAFKA_KEY_FILE go together" in refused(**files | {"kafka_key_file": None})


@pytest.mark.parametrize("missing", ["kafka_sasl_mechanism", "kafka_username", "kafka_password"])
def test_what_a_user_needs_is_named(missing: str) -> None:
    assert refused(**SASL | {missing: None}) == f"{missing.upper()} is missing; SASL_SSL needs it"


def test_tokens_need_their_endpoint() -> None:
    missing = "KAFKA_OAUTH_TOKEN_URL is missing"
    assert refused(**OAUTH | {"kafka_oauth_token_url": None}).startswith(missing)


def test_a_user_without_a_protocol_would_have_no_effect() -> None:
    problem = refused(**SASL | {"kafka_security_protocol": None})
    assert problem.startswith("KAFKA_SECURITY_PROTOCOL is missing")
    on_purpose = given(**SASL | {"kafka_security_protocol": "PLAINTEXT"})
    assert "sasl.username" not in client_config(on_purpose)


def test_a_file_that_is_not_there_is_named() -> None:
    problem = refused(kafka_security_protocol="SSL", kafka_ca_file="/nowhere/ca.pem")
    assert problem.startswith("KAFKA_CA_FILE: ")


def test_a_prefix_is_what_a_topic_may_be_called() -> None:
    assert refused(kafka_topic_prefix="staging/").startswith("KAFKA_TOPIC_PREFIX")
    settings = given(kafka_topic_prefix="staging.", kafka_group_prefix="one-")
    assert settings.topic_name("a.topic") == "staging.a.topic"
    assert settings.group_name("sender.a.topic") == "one-sender.a.topic"


def test_another_process_gets_the_same_settings() -> None:
    settings = given(**OAUTH, kafka_topic_prefix="staging.")
    environment = settings.kafka_environment()
    again = GivenKafkaSettings.model_validate(
        {name.lower(): value for name, value in environment.items()}
    )
    assert again == settings
    assert "a-password" not in repr(settings)


def test_a_refusal_names_settings_and_remedy_once_a_minute() -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    wrong, away = KafkaError(KafkaError._AUTHENTICATION), KafkaError(KafkaError._TRANSPORT)
    with capture_logs() as logs:
        refusals.report(wrong)
        refusals.report(wrong)
        refusals.report(away)
        now[0] = REPEAT_SECONDS
        refusals.report(wrong)
    assert [line["event"] for line in logs] == ["kafka_refused"] * 2
    assert "KAFKA_PASSWORD" in logs[0]["settings"]
    assert logs[0]["remedy"]


def test_a_broker_that_cannot_be_reached_may_speak_another_protocol() -> None:
    with capture_logs() as logs:
        Refusals().report(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    [line] = logs
    assert line["event"] == "kafka_unreachable"
    assert "KAFKA_SECURITY_PROTOCOL" in line["settings"]


def test_each_topic_that_is_refused_is_named() -> None:
    with capture_logs() as logs:
        for topic in ("one", "another", "one"):
            Refusals().report(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), topic)
    assert {line["topic"] for line in logs} == {"one", "another"}
    assert all("--acls" in line["remedy"] for line in logs)
