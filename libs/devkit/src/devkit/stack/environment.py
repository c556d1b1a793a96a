"""Secrets and keys for a run: given ones, else made up."""

import secrets
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from common.sealed import KeyRing
from devkit.stack.settings import Outside

SECRETS = (
    "whatsapp_app_secrets",
    "whatsapp_verify_token",
    "whatsapp_access_token",
    "openai_api_key",
    "admin_api_key",
)


def value_of(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def secrets_of(outside: Outside, home: Path) -> dict[str, str]:
    """Environment variables of the secrets: given ones, else made up once per `home`."""
    return {
        name.upper(): value_of(getattr(outside, name))
        or kept(home / name.replace("_", "-"), lambda: secrets.token_urlsafe(24))
        for name in SECRETS
    }


def key_ring(outside: Outside, home: Path) -> Path:
    """The given key ring file, or one made in `home` and kept there."""
    if outside.key_ring_file:
        return outside.key_ring_file
    path = home / "key-ring.json"
    kept(path, lambda: KeyRing.fresh().model_dump_json())
    return path


def kept(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; the first time, what `make` gives. Readable by its owner only."""
    if not path.exists():
        path.touch(0o600)
        path.write_text(make(), encoding="utf-8")
    return path.read_text(encoding="utf-8")
