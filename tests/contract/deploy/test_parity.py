"""Every setting of every service is in compose and in Kubernetes, and nothing else is."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings
from tests.support.compose import example_without_comments, services
from tests.support.kustomize import Object, built, named, of_kind

from assistant.settings import Settings as AssistantSettings
from common.key_rings import KeyRings
from common.service.settings import DatabaseSettings, problems
from devkit.emulators.openai.settings import OpenAISettings
from devkit.emulators.whatsapp.settings import WhatsAppSettings
from devkit.loadtest.installation import Installation
from ingress.settings import Settings as IngressSettings
from ops.create_kafka_users import KafkaUserSettings
from ops.create_roles import RoleSettings
from ops.create_topics import TopicSettings
from ops.secret_files import SecretFileSettings
from router.settings import Settings as RouterSettings
from sender.settings import Settings as SenderSettings
from tenant_admin.cli.rings import RingSettings
from tenant_admin.settings import CommandSettings
from tenant_admin.settings import Settings as TenantAdminSettings

Parts = Mapping[str, type[BaseSettings]]
PARTS: Parts = {
    "ingress": IngressSettings,
    "router": RouterSettings,
    "assistant": AssistantSettings,
    "sender": SenderSettings,
    "tenant-admin": TenantAdminSettings,
    "topics": TopicSettings,
    "kafka-users": KafkaUserSettings,
    "roles": RoleSettings,
    "migrate-assistant": DatabaseSettings,
    "migrate-sender": DatabaseSettings,
    "migrate-tenant-admin": DatabaseSettings,
    "whatsapp": WhatsAppSettings,
    "openai": OpenAISettings,
}
IN_COMPOSE: Parts = {**PARTS, "secrets": SecretFileSettings, "exercise": Installation}
# A cluster of one's own has roles and users made by its administrator, and no stand-ins.
IN_PRODUCTION: Parts = {
    name: settings
    for name, settings in PARTS.items()
    if name not in ("roles", "kafka-users", "whatsapp", "openai")
}
SERVICES = ("ingress", "router", "assistant", "sender", "tenant-admin")
# Differ from the code's defaults: what a pod is, where its broker is.
DEPLOYED = {"LISTEN_HOST", "KAFKA_BOOTSTRAP_SERVERS"}
FOR_TESTS_ALONE = {"CRASH_AT"}
Environment = dict[str, str]
SOMETHING = {"file": "/a/path", "url": "postgresql://user:password@host/database"}


def names_of(settings: type[BaseSettings]) -> set[str]:
    return {name.upper() for name in settings.model_fields} - FOR_TESTS_ALONE


def differences(settings: type[BaseSettings], environment: Mapping[str, str]) -> list[str]:
    """What is missing, and what nobody reads. NAME_FILE counts as NAME."""
    wanted = names_of(settings)
    given = {name if name in wanted else name.removesuffix("_FILE") for name in environment}
    missing = [f"{name} is missing" for name in sorted(wanted - given)]
    return missing + [f"{name} is read by nobody" for name in sorted(given - wanted)]


def compose_environment(name: str, env_file: Path | None = None) -> Environment:
    found = services(env_file)[name] if env_file else services()[name]
    return {key: value or "" for key, value in found["environment"].items()}


def cluster(overlay: str) -> dict[str, Environment]:
    """The environment of every pod of ours, by the name of its workload."""
    objects = built(overlay)
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(objects, "ConfigMap")}
    return {
        one["metadata"]["name"]: dict(variables(container, maps))
        for one in objects
        for container in containers(one)
        if "conserje/" in container["image"]
    }


def containers(found: Object) -> list[dict[str, Any]]:
    template = found.get("spec", {}).get("template", {}) if "spec" in found else {}
    return list(template.get("spec", {}).get("containers", []))


def variables(
    container: dict[str, Any], maps: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    for source in container.get("envFrom", []):
        yield from maps[source["configMapRef"]["name"]].items()
    for one in container.get("env", []):
        if reference := one.get("valueFrom", {}).get("configMapKeyRef"):
            yield one["name"], maps[reference["name"]][reference["key"]]
        else:
            yield one["name"], one.get("value", "")


@pytest.mark.parametrize("name", IN_COMPOSE)
def test_compose_sets_what_is_read_and_nothing_else(name: str) -> None:
    assert differences(IN_COMPOSE[name], compose_environment(name)) == []


@pytest.mark.parametrize("name", PARTS)
def test_the_dev_overlay_sets_what_is_read_and_nothing_else(name: str) -> None:
    assert differences(PARTS[name], cluster("dev")[name]) == []


@pytest.mark.parametrize("name", IN_PRODUCTION)
def test_the_production_overlay_sets_what_is_read_and_nothing_else(name: str) -> None:
    assert differences(IN_PRODUCTION[name], cluster("production")[name]) == []


@pytest.mark.parametrize("overlay", ["dev", "production"])
def test_no_workload_is_left_out(overlay: str) -> None:
    wanted = {"dev": PARTS, "production": IN_PRODUCTION}[overlay]
    assert set(cluster(overlay)) - {"exercise"} == set(wanted)


def test_every_setting_that_goes_missing_or_is_misspelt_is_found() -> None:
    for name, settings in IN_COMPOSE.items():
        environment = compose_environment(name)
        for variable in environment:
            rest = {key: value for key, value in environment.items() if key != variable}
            assert len(differences(settings, rest)) == 1
            assert len(differences(settings, rest | {f"{variable}S": ""})) == 2


def test_the_commands_inside_the_admin_container_find_their_settings() -> None:
    """EDITOR is the operator's, where the container has any."""
    for environment in (compose_environment("tenant-admin"), cluster("dev")["tenant-admin"]):
        missing = [line for line in differences(CommandSettings, environment) if "missing" in line]
        assert missing == ["EDITOR is missing"]


def test_the_rings_job_finds_its_settings() -> None:
    """Of those of a command it needs the database and the rings, and the broker to publish."""
    given = set(compose_environment("rings"))
    assert {"KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL_FILE", "KEY_RING_FILE"} <= given
    assert {name.removesuffix("_FILE") for name in given} <= {
        name.removesuffix("_FILE") for name in names_of(CommandSettings)
    }
    assert names_of(RingSettings) == {"KEY_RING_FILE"}


@pytest.fixture(scope="module")
def everything_shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .env in which every default that .env.example shows is written out."""
    path = tmp_path_factory.mktemp("env") / "everything.env"
    path.write_text(example_without_comments())
    return path


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ring") / "key_ring"
    path.write_text(KeyRings.fresh().text())
    return path


def values(
    settings: type[BaseSettings], environment: Mapping[str, str], ring: Path
) -> dict[str, Any]:
    """What the class makes of it; a secret's file is not there, so it gets some value."""
    given = {name.lower(): value for name, value in environment.items() if value}
    given |= {"key_ring_file": str(ring)} if "key_ring_file" in given else {}
    for name, field in settings.model_fields.items():
        if name not in given and (field.is_required() or f"{name}_file" in given):
            given[name] = SOMETHING.get(name.rpartition("_")[2], "0123456789abcdef" * 2)
    return settings.model_validate(given).model_dump(mode="json", exclude={"admin_api_key"})


@pytest.mark.parametrize("name", SERVICES)
def test_the_example_shows_the_codes_own_defaults(
    name: str, everything_shown: Path, ring: Path
) -> None:
    silent, shown = (
        compose_environment(name, path) for path in (_nothing(everything_shown), everything_shown)
    )
    assert values(PARTS[name], shown, ring) == values(PARTS[name], silent, ring)


def _nothing(beside: Path) -> Path:
    path = beside.with_name("nothing.env")
    path.write_text("")
    return path


@pytest.mark.parametrize("name", SERVICES)
def test_the_base_of_kubernetes_shows_the_codes_own_defaults(name: str, ring: Path) -> None:
    environment = cluster("production")[name]
    bare = {key: value for key, value in environment.items() if key in DEPLOYED}
    bare |= {key: value for key, value in environment.items() if key.endswith("_FILE")}
    assert values(PARTS[name], environment, ring) == values(PARTS[name], bare, ring)


@pytest.mark.parametrize("name", SERVICES)
def test_the_demo_of_compose_may_call_its_stand_ins(name: str, ring: Path) -> None:
    values(PARTS[name], compose_environment(name), ring)


def secrets_of_dev(name: str, folder: Path) -> dict[str, str]:
    """What the Secrets of a service set; the key ring as a file. Names end in a hash."""
    secrets = {
        one["metadata"]["name"].rpartition("-")[0]: {
            key: b64decode(value).decode() for key, value in one["data"].items()
        }
        for one in of_kind(built("dev"), "Secret")
    }
    values = dict(secrets[name])
    values |= {f"kafka_{key}": value for key, value in secrets[f"kafka-{name}"].items()}
    if ring := values.pop("key_ring", None):
        path = folder / "key_ring"
        path.write_text(ring)
        values["key_ring_file"] = str(path)
    return values


@pytest.mark.parametrize(
    ("name", "weak"),
    [
        ("ingress", {"WHATSAPP_APP_SECRETS", "WHATSAPP_VERIFY_TOKEN"}),
        ("sender", {"DATABASE_URL", "WHATSAPP_ACCESS_TOKEN", "KEY_RING_FILE"}),
        (
            "assistant",
            {"DATABASE_URL", "OPENAI_API_KEY", "WHATSAPP_ACCESS_TOKEN", "KEY_RING_FILE"},
        ),
        ("tenant-admin", {"DATABASE_URL", "ADMIN_API_KEY", "WHATSAPP_ACCESS_TOKEN"}),
    ],
)
def test_m8_the_secrets_that_everybody_knows_are_refused_outside_the_dev_overlay(
    name: str, weak: set[str], tmp_path: Path
) -> None:
    given = {key.lower(): value for key, value in cluster("dev")[name].items() if value}
    given |= secrets_of_dev(name, tmp_path)
    PARTS[name].model_validate(given)
    with pytest.raises(ValidationError) as refused:
        PARTS[name].model_validate(given | {"allow_weak_secrets": ""})
    found = {line.split(":")[0] for line in problems(refused.value)}
    assert found == {*weak, "KAFKA_PASSWORD"}


def test_the_senders_together_stay_below_what_meta_allows_a_number() -> None:
    """80 messages a second, however many senders there are: they share a number's pace."""
    assert float(cluster("production")["sender"]["NUMBER_PER_SECOND"]) < 80


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_the_same_time_to_end_everywhere(name: str) -> None:
    pod = deployment(name)["spec"]["template"]["spec"]
    grace = f"{pod['terminationGracePeriodSeconds']}s"
    assert services()[name]["stop_grace_period"] in (grace, minutes(grace))


def deployment(name: str) -> Object:
    return named(built("production"), "Deployment", name)


def minutes(seconds: str) -> str:
    """As Compose writes what is a minute or more."""
    whole, rest = divmod(int(seconds[:-1]), 60)
    return f"{whole}m{rest}s"
