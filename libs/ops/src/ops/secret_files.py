"""Secrets as files, a folder for each reader: `python -m ops.secret_files`; safe to repeat.

Every reader sees its own folder only. What Meta and OpenAI issue must be given as variables; what
only has to be unguessable is generated once and kept in the folder `kept`.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_urlsafe

from pydantic import Field, ValidationError

from common.sealed import KeyRing
from common.service.settings import FromEnvironment, Secret, load
from ops.kafka_rights import USERS

KEPT = "kept"
KAFKA_PASSWORDS = tuple(f"{user.replace('-', '_')}_kafka_password" for user in USERS)
CLIENT_PROPERTIES = """security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="admin" password="{password}";
"""
READERS: Mapping[str, Mapping[str, str]] = {
    "ingress": {
        "whatsapp_app_secrets": "whatsapp_app_secrets",
        "whatsapp_verify_token": "whatsapp_verify_token",
        "kafka_password": "ingress_kafka_password",
    },
    "router": {"kafka_password": "router_kafka_password"},
    "assistant": {
        "kafka_password": "assistant_kafka_password",
        "database_url": "assistant_database_url",
        "openai_api_key": "openai_api_key",
        "whatsapp_access_token": "whatsapp_access_token",
        "key_ring": "key_ring",
    },
    "sender": {
        "kafka_password": "sender_kafka_password",
        "database_url": "sender_database_url",
        "whatsapp_access_token": "whatsapp_access_token",
        "key_ring": "key_ring",
    },
    "tenant-admin": {
        "kafka_password": "tenant_admin_kafka_password",
        "operator_kafka_password": "operator_kafka_password",
        "database_url": "admin_database_url",
        "admin_api_key": "admin_api_key",
        "whatsapp_access_token": "whatsapp_access_token",
        "key_ring": "key_ring",
    },
    "migrate-assistant": {"database_url": "assistant_owner_database_url"},
    "migrate-sender": {"database_url": "sender_owner_database_url"},
    "migrate-tenant-admin": {"database_url": "admin_owner_database_url"},
    "postgres": {"password": "postgres_password"},
    "roles": {
        "database_url": "database_url",
        "admin_database_url": "admin_database_url",
        "assistant_database_url": "assistant_database_url",
        "sender_database_url": "sender_database_url",
        "admin_owner_database_url": "admin_owner_database_url",
        "assistant_owner_database_url": "assistant_owner_database_url",
        "sender_owner_database_url": "sender_owner_database_url",
    },
    "kafka": {"password": "admin_kafka_password", "client.properties": "kafka_client_properties"},
    "kafka-users": {
        "kafka_password": "admin_kafka_password",
        **{name: f"made_{name}" for name in KAFKA_PASSWORDS},
    },
    "topics": {"kafka_password": "topics_kafka_password"},
    "exercise": {
        "kafka_password": "operator_kafka_password",
        "whatsapp_app_secrets": "whatsapp_app_secrets",
        "whatsapp_verify_token": "whatsapp_verify_token",
        "whatsapp_access_token": "whatsapp_access_token",
        "openai_api_key": "openai_api_key",
        "admin_api_key": "admin_api_key",
    },
}
GIVEN = ("whatsapp_app_secrets", "whatsapp_verify_token", "openai_api_key")
SCHEMAS = ("admin", "assistant", "sender")
ROLES = (*SCHEMAS, *(f"{schema}_owner" for schema in SCHEMAS))


class SecretFileSettings(FromEnvironment):
    """secrets_folder holds a folder for each reader.

    profiles: with `demo` among them, what Meta and OpenAI would issue is generated too.
    """

    secrets_folder: Path = Path("/secrets")
    profiles: str = ""
    database_address: str = "postgres:5432/conserje"
    whatsapp_app_secrets: Secret | None = None
    whatsapp_verify_token: Secret | None = None
    whatsapp_access_token: Secret | None = None
    openai_api_key: Secret | None = None
    admin_api_key: Secret | None = Field(default=None, min_length=16)
    key_ring: Secret | None = None
    kafka_password: Secret | None = None

    @property
    def demo(self) -> bool:
        return "demo" in self.profiles.split(",")

    def given(self, name: str) -> str | None:
        secret = getattr(self, name)
        return secret.get_secret_value() if secret else None


def missing(settings: SecretFileSettings) -> list[str]:
    """Variables that only the operator can set."""
    required = () if settings.demo else GIVEN
    return [name.upper() for name in required if settings.given(name) is None]


def secrets_of(settings: SecretFileSettings) -> dict[str, str]:
    """All secrets by name. Raises ValidationError for a malformed key ring."""
    keep = KeptSecrets(settings.secrets_folder / KEPT)
    issued = ("whatsapp_access_token", *GIVEN)
    secrets = {name: settings.given(name) or "" for name in issued}
    if settings.demo:
        secrets = {name: given or keep(name) for name, given in secrets.items()}
    ring = settings.given("key_ring")
    if ring:
        KeyRing.model_validate_json(ring)
    secrets["key_ring"] = keep("key_ring", lambda: KeyRing.fresh().model_dump_json(), ring)
    secrets["admin_api_key"] = keep("admin_api_key", given=settings.given("admin_api_key"))
    secrets |= kafka_passwords(settings.given("kafka_password"), keep)
    return secrets | databases(settings.database_address, keep)


def kafka_passwords(given: str | None, keep: "KeptSecrets") -> dict[str, str]:
    """One for each user of the broker that comes along; the one given is for another broker, where
    all have the same user."""
    made = {name: keep(name) for name in KAFKA_PASSWORDS}
    administrator = keep("admin_kafka_password")
    return {
        "admin_kafka_password": administrator,
        "kafka_client_properties": CLIENT_PROPERTIES.format(password=administrator),
        "topics_kafka_password": given or administrator,
        **{f"made_{name}": password for name, password in made.items()},
        **{name: given or password for name, password in made.items()},
    }


def databases(address: str, keep: "KeptSecrets") -> dict[str, str]:
    """One URL for the administrator; for each service its own, and that of its tables' owner."""
    administrator = keep("postgres_password")
    urls = {f"{role}_database_url": (role, keep(f"{role}_password")) for role in ROLES}
    urls["database_url"] = ("postgres", administrator)
    secrets = {
        name: f"postgresql://{role}:{password}@{address}" for name, (role, password) in urls.items()
    }
    return secrets | {"postgres_password": administrator}


class KeptSecrets:
    """What was generated or given once stays: remove its file to have it generated again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def __call__(
        self,
        name: str,
        make: Callable[[], str] = lambda: token_urlsafe(32),
        given: str | None = None,
    ) -> str:
        file = self._folder / name
        if given or not file.exists():
            write(file, given or make(), 0o400)
        return file.read_text(encoding="utf-8")


def write(file: Path, text: str, mode: int) -> None:
    """Whole or not at all: a reader never sees half a secret."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    new.rename(file)


def fill(folder: Path, secrets: Mapping[str, str]) -> None:
    """The readers run as other users: only its folder keeps a secret from the other readers."""
    for reader, files in READERS.items():
        (folder / reader).mkdir(exist_ok=True)
        for name, secret in files.items():
            write(folder / reader / name, secrets[secret], 0o444)


def main() -> None:
    settings = load(SecretFileSettings)
    if names := missing(settings):
        for name in names:
            sys.stderr.write(f"{name} is missing; set it in .env, or COMPOSE_PROFILES=demo\n")
        raise SystemExit(2)
    try:
        fill(settings.secrets_folder, secrets_of(settings))
    except ValidationError as error:
        sys.stderr.write(f"KEY_RING: {error.errors(include_input=False)[0]['msg']}\n")
        raise SystemExit(2) from None
    sys.stdout.write(f"secret files written for {', '.join(READERS)}\n")


if __name__ == "__main__":
    main()
