"""Secrets that can be guessed, and endpoints in clear text: refused unless allowed by name.

A class of settings that has `allow_weak_secrets` or `allow_http_upstreams` before the fields in
question refuses; one that has none (a migration's, a test's) does not.
"""

import re
from ipaddress import ip_address

from pydantic import HttpUrl, SecretStr, ValidationInfo

LEAST = 16
LEAST_DIFFERENT = 5
DEMO = "dev-only"
APP_SECRET = re.compile("[0-9a-fA-F]{32}")
WELL_KNOWN = {"", "secret", "password", "changeme", "changethis", "change-me", "todo"}
OFF = "off"
ALLOW = "or name it in ALLOW_WEAK_SECRETS"


def refuse_default(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value().strip().lower() in WELL_KNOWN:
        raise ValueError("is empty or a well-known default; set a value of your own")
    return secret


def refuse_demo(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    if DEMO in secret.get_secret_value() and not may_be_weak(info):
        raise ValueError(f"is a value of the demo, which everybody knows; set your own, {ALLOW}")
    return secret


def refuse_short(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    value = secret.get_secret_value()
    if may_be_weak(info):
        return secret
    if len(value) < LEAST:
        raise ValueError(f"has fewer than {LEAST} characters; set a longer one, {ALLOW}")
    if len(set(value)) < LEAST_DIFFERENT:
        raise ValueError(f"repeats a few characters; set one that cannot be guessed, {ALLOW}")
    return secret


def refuse_weak_app_secrets(secrets: SecretStr, info: ValidationInfo) -> SecretStr:
    """Comma-separated; Meta's app secrets are 32 hexadecimal digits (App settings > Basic)."""
    for secret in app_secrets_in(secrets):
        refuse_demo(refuse_default(SecretStr(secret)), info)
        if not APP_SECRET.fullmatch(secret) and not may_be_weak(info):
            raise ValueError(
                f"has one that is not 32 hexadecimal digits, as Meta's are; set it, {ALLOW}"
            )
    return secrets


def app_secrets_in(secrets: SecretStr) -> list[str]:
    return [secret.strip() for secret in secrets.get_secret_value().split(",")]


def refuse_weak_admin_keys(keys: SecretStr, info: ValidationInfo) -> SecretStr:
    """Comma-separated; OFF: none."""
    for key in admin_keys_in(keys):
        secret = refuse_short(refuse_demo(refuse_default(SecretStr(key)), info), info)
        if len(secret) < LEAST:
            raise ValueError(f"has fewer than {LEAST} characters; set a longer one, or {OFF}")
    return keys


def admin_keys_in(keys: SecretStr) -> list[str]:
    """The newest first."""
    return [] if keys.get_secret_value().strip() == OFF else app_secrets_in(keys)


def refuse_clear_text(url: HttpUrl, info: ValidationInfo) -> HttpUrl:
    allowed = names_in(info, "allow_http_upstreams")
    host = (url.host or "").strip("[]").lower()
    if url.scheme == "https" or allowed is None or host in allowed or is_loopback(host):
        return url
    raise ValueError(
        "goes over http, which anybody on the way reads; use https, or name the host"
        " in ALLOW_HTTP_UPSTREAMS"
    )


def may_be_weak(info: ValidationInfo) -> bool:
    allowed = names_in(info, "allow_weak_secrets")
    return allowed is None or bool({"all", info.field_name} & allowed)


def names_in(info: ValidationInfo, setting: str) -> set[str] | None:
    """Comma-separated, in any case; None where the class has no such setting."""
    names = info.data.get(setting)
    return None if names is None else {name.strip().lower() for name in names.split(",")}


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
