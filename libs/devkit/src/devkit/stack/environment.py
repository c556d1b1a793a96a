"""Secrets and keys for a run: given ones, else made up."""

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from common.key_ring_file import read_rings
from common.key_rings import KeyRings
from common.private_file import replace_file
from devkit.stack.server_process import CannotStart
from devkit.stack.settings import Outside
from ops.secret_files import FROM_META, READERS
from ops.service_rings import OPENED_BY, rings_for

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
        or kept(home / name.replace("_", "-"), partial(made_up, name))
        for name in SECRETS
    }


def theirs(reader: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """Those that a process may have: what the job `secrets` of Compose writes for it."""
    return {name: value for name, value in secrets.items() if name.lower() in READERS[reader]}


def refuse_real_secrets(outside: Outside) -> None:
    """Before stand-ins start. Raises CannotStart: they would get what Meta has issued."""
    given = [name.upper() for name in FROM_META if getattr(outside, name)]
    if given and outside.whatsapp_graph_url is None:
        raise CannotStart(
            f"{', '.join(given)} set, but the demo has a stand-in of WhatsApp, which may have no"
            " real ones: unset them, or use `make up`"
        )


def place_of(name: str, outside: Outside, home: Path) -> str:
    """In words, where a secret is found: none is printed."""
    if getattr(outside, name):
        return f"that of {name.upper()}"
    return f"in {home / name.replace('_', '-')}"


def made_up(name: str) -> str:
    """Meta's app secrets are 32 hexadecimal digits."""
    return secrets.token_hex(16) if name == "whatsapp_app_secrets" else secrets.token_urlsafe(24)


def key_ring(outside: Outside, home: Path) -> Path:
    """The given key ring file, or one made in `home` and kept there: with every private key."""
    if outside.key_ring_file:
        return outside.key_ring_file
    path = home / "key-ring.json"
    kept(path, lambda: KeyRings.fresh().text())
    return path


def ring_files(outside: Outside, home: Path) -> Mapping[str, Path]:
    """A file for each service that needs keys, with those that it may have. Raises CannotStart."""
    try:
        rings = read_rings(key_ring(outside, home))
    except ValueError as error:
        raise CannotStart(f"KEY_RING_FILE: {error}") from None
    files = {service: home / f"key-ring-{service}.json" for service in OPENED_BY}
    for service, file in files.items():
        replace_file(file, rings_for(service, rings).text(), 0o600)
    return files


def kept(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; the first time, what `make` gives. Readable by its owner only."""
    if not path.exists():
        path.touch(0o600)
        path.write_text(make(), encoding="utf-8")
    return path.read_text(encoding="utf-8")
