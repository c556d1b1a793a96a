"""M8: secrets that can be guessed and upstreams in clear text, unless allowed by name."""

from typing import Annotated

import pytest
from pydantic import AfterValidator, SecretStr, ValidationError

from common.service.settings import GraphSettings, GuardedSettings, LongSecret, Secret, problems
from common.service.weak_settings import (
    admin_keys_in,
    refuse_weak_admin_keys,
    refuse_weak_app_secrets,
)

APP_SECRET = "0123456789abcdef0123456789ABCDEF"
TOKEN = "EAAG-0123456789ab"


class Guarded(GuardedSettings):
    app_secrets: Annotated[SecretStr, AfterValidator(refuse_weak_app_secrets)] | None = None
    admin_keys: Annotated[SecretStr, AfterValidator(refuse_weak_admin_keys)] | None = None
    token: LongSecret | None = None
    database_url: Secret | None = None


def refusal(settings: type[GuardedSettings], **values: str) -> str:
    with pytest.raises(ValidationError) as caught:
        settings.model_validate(values)
    [line] = problems(caught.value)
    assert not any(value in line for value in values.values() if len(value) > 3)
    return line


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("token", "x", "fewer than 16 characters"),
        ("token", "123456789012345", "fewer than 16 characters"),
        ("token", "a" * 16, "repeats a few characters"),
        ("token", "dev-only-access-token", "a value of the demo"),
        ("token", "changeme", "well-known default"),
        ("database_url", "postgresql://a:dev-only-a@b/c", "a value of the demo"),
        ("app_secrets", "x", "32 hexadecimal digits"),
        ("app_secrets", APP_SECRET[1:], "32 hexadecimal digits"),
        ("app_secrets", APP_SECRET[1:] + "g", "32 hexadecimal digits"),
        ("app_secrets", f"{APP_SECRET},x", "32 hexadecimal digits"),
        ("app_secrets", "dev-only-app-secret", "a value of the demo"),
        ("app_secrets", f"{APP_SECRET},", "well-known default"),
        ("admin_keys", "short", "fewer than 16 characters"),
        ("admin_keys", f"{TOKEN},short", "fewer than 16 characters"),
        ("admin_keys", f"{TOKEN},", "well-known default"),
        ("admin_keys", f"{TOKEN},off", "fewer than 16 characters"),
        ("admin_keys", f"{TOKEN},dev-only-admin-api-key", "a value of the demo"),
    ],
)
def test_m8_a_weak_secret_is_refused_by_name(name: str, value: str, reason: str) -> None:
    line = refusal(Guarded, **{name: value})
    assert line.startswith(f"{name.upper()}: ")
    assert reason in line


def test_what_is_strong_is_taken() -> None:
    Guarded.model_validate(
        {"app_secrets": f"{APP_SECRET}, {APP_SECRET}", "token": TOKEN, "database_url": "x://a:b@c"}
    )


@pytest.mark.parametrize(
    ("given", "keys"), [("off", []), (f"{TOKEN}, b{TOKEN}", [TOKEN, f"b{TOKEN}"])]
)
def test_l3_admin_keys_may_be_several_or_none(given: str, keys: list[str]) -> None:
    settings = Guarded.model_validate({"admin_keys": given})
    assert settings.admin_keys is not None
    assert admin_keys_in(settings.admin_keys) == keys


@pytest.mark.parametrize("allowed", ["all", "TOKEN", "other, token"])
def test_a_weak_secret_is_allowed_by_name(allowed: str) -> None:
    Guarded.model_validate({"token": "short", "allow_weak_secrets": allowed})


def test_a_name_allows_nothing_else_and_no_default_of_the_world() -> None:
    assert "TOKEN" in refusal(Guarded, token="short", allow_weak_secrets="APP_SECRETS")
    assert "default" in refusal(Guarded, token="changeme", allow_weak_secrets="all")


def graph(url: str, allowed: str = "") -> dict[str, str]:
    return {"whatsapp_graph_url": url, "allow_http_upstreams": allowed}


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://evil.example/v26.0", ""),
        ("http://evil.example/v26.0", "whatsapp"),
        ("http://whatsapp.evil.example", "whatsapp"),
        ("http://localhost.evil.example", ""),
        ("http://127.0.0.1.evil.example", ""),
        ("http://user@evil.example", "user"),
    ],
)
def test_m8_an_upstream_in_clear_text_is_refused(url: str, allowed: str) -> None:
    assert "WHATSAPP_GRAPH_URL: goes over http" in refusal(GraphSettings, **graph(url, allowed))


@pytest.mark.parametrize("url", ["ftp:nonsense", "ftp://a/b", "graph.facebook.com", "file:///x"])
def test_m8_an_upstream_that_is_no_http_is_refused(url: str) -> None:
    assert "URL" in refusal(GraphSettings, **graph(url))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://graph.facebook.com/v26.0", ""),
        ("http://127.0.0.1:8080/v26.0", ""),
        ("http://127.9.9.9", ""),
        ("http://[::1]:8080/v26.0", ""),
        ("http://localhost:8080", ""),
        ("http://whatsapp:8080/v26.0", "openai,WhatsApp"),
    ],
)
def test_tls_this_machine_and_named_hosts_are_called(url: str, allowed: str) -> None:
    GraphSettings.model_validate(graph(url, allowed))
