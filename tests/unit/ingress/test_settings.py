import pytest
from pydantic import ValidationError

from ingress.settings import Settings

ONE, ANOTHER = "1" * 32, "a" * 32


def settings(**changed: object) -> Settings:
    values: dict[str, object] = {
        "kafka_bootstrap_servers": "broker:9092",
        "whatsapp_app_secrets": f"{ONE}, {ANOTHER}",
        "whatsapp_verify_token": "a-token-of-our-own",
    }
    return Settings.model_validate(values | changed)


def test_several_app_secrets_are_active() -> None:
    assert settings().app_secrets == (ONE.encode(), ANOTHER.encode())


@pytest.mark.parametrize("secrets", ["", "changeme", f"{ONE},secret", f"{ONE},", ",,"])
def test_a_default_or_empty_secret_among_others_is_refused(secrets: str) -> None:
    with pytest.raises(ValidationError, match="well-known default"):
        settings(whatsapp_app_secrets=secrets)


def test_secrets_do_not_show() -> None:
    assert not any(secret in repr(settings()) for secret in ("our", ONE, ANOTHER))


def test_m8_a_short_verify_token_and_an_app_secret_that_is_none_of_metas_are_refused() -> None:
    with pytest.raises(ValidationError, match="fewer than 16"):
        settings(whatsapp_verify_token="1")
    with pytest.raises(ValidationError, match="32 hexadecimal digits"):
        settings(whatsapp_app_secrets="x")
    settings(whatsapp_app_secrets="x", whatsapp_verify_token="1", allow_weak_secrets="all")
