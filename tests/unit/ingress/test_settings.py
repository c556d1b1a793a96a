import pytest
from pydantic import ValidationError

from ingress.settings import Settings


def settings(**changed: object) -> Settings:
    values: dict[str, object] = {
        "kafka_bootstrap_servers": "broker:9092",
        "whatsapp_app_secrets": "one-of-ours, another-of-ours",
        "whatsapp_verify_token": "a-token-of-ours",
    }
    return Settings.model_validate(values | changed)


def test_several_app_secrets_are_active() -> None:
    assert settings().app_secrets == (b"one-of-ours", b"another-of-ours")


@pytest.mark.parametrize("secrets", ["", "changeme", "one-of-ours,secret", "one-of-ours,", ",,"])
def test_a_default_or_empty_secret_among_others_is_refused(secrets: str) -> None:
    with pytest.raises(ValidationError, match="well-known default"):
        settings(whatsapp_app_secrets=secrets)


def test_secrets_do_not_show() -> None:
    assert "ours" not in repr(settings())
