"""Secrets as files, a folder for each reader: `python -m ops.secret_files`; safe to repeat.

Every reader sees its own folder only. What Meta and OpenAI issue must be given as variables; what
only has to be unguessable is generated once and kept in the folder `kept`. Where Meta and OpenAI
are is written in the same step: a stand-in's address never goes with a secret that is real.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from common.key_ring_file import parse_rings, read_rings, refuse_weak_rings
from common.key_rings import KeyRings
from common.private_file import replace_file
from common.service.no_words import refuse_words
from common.service.settings import GuardedSettings, LongSecret, load
from common.service.weak_settings import refuse_weak_admin_keys, refuse_weak_app_secrets
from ops.check_demo import DEMO, DemoSettings
from ops.kafka_rights import USERS
from ops.service_rings import OPENED_BY, rings_for

KEPT = "kept"
KAFKA_PASSWORDS = tuple(f"{user.replace('-', '_')}_kafka_password" for user in USERS)
CLIENT_PROPERTIES = """security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="admin" password="{password}";
"""
STAND_INS = ("whatsapp", "openai")
DEMO_READERS = (*STAND_INS, "exercise")
GRAPH = {
    "whatsapp_graph_url": "whatsapp_graph_url",
    "allow_weak_secrets": "allow_weak_secrets",
    "allow_http_upstreams": "allow_http_upstreams",
}
READERS: Mapping[str, Mapping[str, str]] = {
    "ingress": {
        "whatsapp_app_secrets": "whatsapp_app_secrets",
        "whatsapp_verify_token": "whatsapp_verify_token",
        "kafka_password": "ingress_kafka_password",
        "allow_weak_secrets": "allow_weak_secrets",
    },
    "router": {"kafka_password": "router_kafka_password"},
    "assistant": {
        "kafka_password": "assistant_kafka_password",
        "database_url": "assistant_database_url",
        "openai_api_key": "openai_api_key",
        "whatsapp_access_token": "whatsapp_access_token",
        "key_ring": "assistant_key_ring",
        "openai_base_url": "openai_base_url",
        **GRAPH,
    },
    "sender": {
        "kafka_password": "sender_kafka_password",
        "database_url": "sender_database_url",
        "whatsapp_access_token": "whatsapp_access_token",
        "key_ring": "sender_key_ring",
        **GRAPH,
    },
    "tenant-admin": {
        "kafka_password": "tenant_admin_kafka_password",
        "operator_kafka_password": "operator_kafka_password",
        "database_url": "admin_database_url",
        "admin_api_key": "admin_api_key",
        "whatsapp_access_token": "whatsapp_access_token",
        "key_ring": "tenant-admin_key_ring",
        **GRAPH,
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
    "whatsapp": {
        "whatsapp_app_secrets": "whatsapp_app_secrets",
        "whatsapp_verify_token": "whatsapp_verify_token",
        "whatsapp_access_token": "whatsapp_access_token",
    },
    "openai": {"openai_api_key": "stand_in_openai_api_key"},
    "exercise": {
        "kafka_password": "operator_kafka_password",
        "whatsapp_app_secrets": "whatsapp_app_secrets",
        "whatsapp_access_token": "whatsapp_access_token",
        "admin_api_key": "admin_api_key",
    },
}
FROM_META = ("whatsapp_app_secrets", "whatsapp_verify_token", "whatsapp_access_token")
GIVEN = ("whatsapp_app_secrets", "whatsapp_verify_token", "openai_api_key")
STAND_IN_GRAPH = "http://whatsapp:8080/v26.0"
STAND_IN_MODEL = "http://openai:4640/v1"
SCHEMAS = ("admin", "assistant", "sender")
ROLES = (*SCHEMAS, *(f"{schema}_owner" for schema in SCHEMAS))


class SecretFileSettings(GuardedSettings, DemoSettings):
    """secrets_folder holds a folder for each reader.

    In a demo what Meta and OpenAI would issue is generated too, and their stand-ins are called.
    admin_opens_tokens: tenant-admin gets the key that opens WhatsApp tokens, to upload files.
    """

    secrets_folder: Path = Path("/secrets")
    database_address: str = "postgres:5432/conserje"
    whatsapp_app_secrets: Annotated[SecretStr, AfterValidator(refuse_weak_app_secrets)] | None = (
        None
    )
    whatsapp_verify_token: LongSecret | None = None
    whatsapp_access_token: LongSecret | None = None
    openai_api_key: LongSecret | None = None
    admin_api_key: Annotated[SecretStr, AfterValidator(refuse_weak_admin_keys)] | None = None
    key_ring: Annotated[SecretStr, AfterValidator(refuse_weak_rings)] | None = None
    admin_opens_tokens: bool = False
    kafka_password: LongSecret | None = None
    openai_base_url: str = ""
    whatsapp_graph_url: str = ""
    allow_http_upstreams: str = ""

    def given(self, name: str) -> str | None:
        secret = getattr(self, name)
        return secret.get_secret_value() if secret else None


def missing(settings: SecretFileSettings) -> list[str]:
    """Variables that only the operator can set."""
    required = () if settings.demo else GIVEN
    return [name.upper() for name in required if settings.given(name) is None]


def mixed(settings: SecretFileSettings) -> list[str]:
    """Lines about secrets of Meta and OpenAI that a demo would bring to their stand-ins. With its
    address given, the real model answers in the demo."""
    if not settings.demo:
        return []
    model = urlsplit(settings.openai_base_url).hostname
    real_model = model is not None and model not in STAND_INS
    lines = [
        f"{name.upper()} is set, but COMPOSE_PROFILES={settings.profiles} is the demo, whose"
        f" stand-ins may have no real one; leave it empty there, or take {DEMO} out of"
        " COMPOSE_PROFILES to go live"
        for name in (*FROM_META, "openai_api_key")
        if settings.given(name) and not (name == "openai_api_key" and real_model)
    ]
    if lines and lines[-1].startswith("OPENAI_API_KEY"):
        lines[-1] += "; OPENAI_BASE_URL=https://api.openai.com/v1 lets the real model answer there"
    return lines


class RingRefused(ValueError):
    """Secrets would be lost with it. The text holds no key."""


def secrets_of(settings: SecretFileSettings) -> dict[str, str]:
    """All secrets by name. Raises RingRefused."""
    keep = KeptSecrets(settings.secrets_folder / KEPT)
    issued = ("whatsapp_access_token", *GIVEN)
    secrets = {name: settings.given(name) or "" for name in issued}
    if settings.demo:
        secrets = {name: given or keep(name) for name, given in secrets.items()}
        secrets["stand_in_openai_api_key"] = keep("openai_api_key")
    rings = kept_rings(keep.file("key_ring"), settings.given("key_ring"))
    secrets |= key_rings(rings, settings.admin_opens_tokens)
    secrets["admin_api_key"] = keep("admin_api_key", given=settings.given("admin_api_key"))
    secrets |= kafka_passwords(settings.given("kafka_password"), keep)
    return secrets | databases(settings.database_address, keep) | upstreams(settings)


def upstreams(settings: SecretFileSettings) -> dict[str, str]:
    """Where Meta and OpenAI are, empty for their own addresses; what may be weak or in clear there.

    A demo of before may have kept an app secret that is not one in form.
    """
    graph, model = settings.whatsapp_graph_url, settings.openai_base_url
    weak, http = settings.allow_weak_secrets, settings.allow_http_upstreams
    if settings.demo:
        graph, model = graph or STAND_IN_GRAPH, model or STAND_IN_MODEL
        weak, http = "all", ",".join(filter(None, (http, *STAND_INS)))
    return {
        "whatsapp_graph_url": graph,
        "openai_base_url": model,
        "allow_weak_secrets": weak,
        "allow_http_upstreams": http,
    }


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


def kept_rings(file: Path, given: str | None) -> KeyRings:
    """The given rings, if they have every key of those that are kept: only `rings retire` takes a
    key out, as it looks whether anything is sealed with it."""
    try:
        kept = read_rings(file) if file.exists() else None
    except ValueError as error:
        raise RingRefused(str(error)) from None
    rings = parse_rings(given, "it") if given else kept or KeyRings.fresh()
    if lost := kept.lost_in(rings) if kept else []:
        raise RingRefused(
            f"it lacks {', '.join(lost)} of the rings that are kept: what they sealed would be"
            " lost; leave KEY_RING empty, and see `rings` of manage_clients.py"
        )
    if rings != kept:
        replace_file(file, rings.text(), 0o400, keep_previous=True)
    return rings


def key_rings(rings: KeyRings, admin_opens_tokens: bool) -> dict[str, str]:
    """What each service may have, by the secret's name."""
    return {
        f"{service}_key_ring": rings_for(service, rings, admin_opens_tokens).text()
        for service in OPENED_BY
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


def made_up(name: str) -> str:
    """Meta's app secrets are 32 hexadecimal digits."""
    return token_hex(16) if name == "whatsapp_app_secrets" else token_urlsafe(32)


class KeptSecrets:
    """What was generated or given once stays: remove its file to have it generated again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def file(self, name: str) -> Path:
        return self._folder / name

    def __call__(self, name: str, given: str | None = None) -> str:
        file = self.file(name)
        if given or not file.exists():
            replace_file(file, given or made_up(name), 0o400)
        return file.read_text(encoding="utf-8")


def fill(folder: Path, secrets: Mapping[str, str], demo: bool) -> None:
    """The readers run as other users: only its folder keeps a secret from the other readers. What
    the demo's stand-ins read is there in a demo only."""
    for reader, files in READERS.items():
        theirs = files if demo or reader not in DEMO_READERS else {}
        (folder / reader).mkdir(exist_ok=True)
        for left in {file.name for file in (folder / reader).iterdir()} - theirs.keys():
            (folder / reader / left).unlink()
        for name, secret in theirs.items():
            replace_file(folder / reader / name, secrets[secret], 0o444)


def main() -> None:
    refuse_words(__doc__)
    settings = load(SecretFileSettings)
    problems = [
        f"{name} is missing; set it in .env, or COMPOSE_PROFILES={DEMO}"
        for name in missing(settings)
    ]
    if problems := problems + mixed(settings):
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        raise SystemExit(2)
    try:
        fill(settings.secrets_folder, secrets_of(settings), settings.demo)
    except RingRefused as error:
        sys.stderr.write(f"KEY_RING: {error}\n")
        raise SystemExit(2) from None
    sys.stdout.write(f"secret files written for {', '.join(READERS)}\n")


if __name__ == "__main__":
    main()
