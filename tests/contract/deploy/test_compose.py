"""docker-compose.yml, .env.example and the Dockerfile, by a real Compose and a real linter."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.verify.compose.base_images import python_image
from tests.support.compose import COMMENTED, EXAMPLE, FILE, ROOT, compose, services

SERVICES = ("ingress", "router", "assistant", "sender", "tenant-admin")
STAND_INS = ("whatsapp", "openai")
MIGRATIONS = ("migrate-assistant", "migrate-sender", "migrate-tenant-admin")
DEMO_JOBS = ("check-demo", "exercise")
JOBS = ("secrets", "rings", "roles", "kafka-users", "topics", *DEMO_JOBS, *MIGRATIONS)
ROOT_JOBS = ("secrets", "rings")  # they alone enter the folder of what is kept
SERVERS = ("kafka", "postgres")
OWNERS = {"rings": "tenant-admin"}  # of secrets
VARIABLE = re.compile(r"\$\{([A-Z_]+)[:}]")
NAMED = re.compile(r"^#?([A-Z][A-Z_]*)=", re.MULTILINE)
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def test_compose_accepts_the_file_as_the_readme_has_it_used() -> None:
    compose("config", "--quiet")


def test_and_refuses_one_that_refers_to_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(FILE.read_text().replace("  topics: {condition", "  topic: {condition"))
    with pytest.raises(AssertionError, match="topic"):
        compose("config", "--quiet", file=broken)


def test_the_file_holds_what_the_architecture_names_and_nothing_else() -> None:
    assert set(services()) == {*SERVICES, *STAND_INS, *JOBS, *SERVERS}


def test_every_variable_is_in_the_example_and_no_other() -> None:
    assert set(VARIABLE.findall(FILE.read_text())) == set(NAMED.findall(EXAMPLE.read_text()))


def test_what_a_newcomer_copies_sets_only_the_demo_and_no_secret() -> None:
    lines = EXAMPLE.read_text().splitlines()
    given = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in given if not line.endswith("=")] == ["COMPOSE_PROFILES=demo"]
    assert COMMENTED.search(EXAMPLE.read_text()), "defaults are shown in comments"


@pytest.mark.parametrize("name", [*SERVICES, *STAND_INS, *JOBS])
def test_our_containers_may_do_no_more_than_they_need(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service.get("user") == ("0:0" if name in ROOT_JOBS else None), "else that of the image"
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVERS)
def test_l8_servers_may_do_no_more_than_they_need(name: str) -> None:
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    begins_as_root = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert set(service.get("cap_add", ())) == (begins_as_root if name == "postgres" else set())
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", [*SERVICES, *STAND_INS, *SERVERS])
def test_what_runs_for_ever_starts_again_and_has_time_to_end(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert name in STAND_INS or "stop_grace_period" in service
    assert service["logging"]["options"]["max-size"], "logs may not fill the disk"


def test_nobody_beyond_this_box_is_let_in_unasked() -> None:
    published = {
        name: [port["host_ip"] for port in service["ports"]]
        for name, service in services().items()
        if service.get("ports")
    }
    assert published == {name: ["127.0.0.1"] for name in ("ingress", "tenant-admin", "whatsapp")}


def test_each_container_sees_its_own_secrets_only() -> None:
    for name, service in services().items():
        volumes = [one["source"] for one in service.get("volumes", []) if "read_only" in one]
        assert len(volumes) <= 1, name
        for volume in volumes:
            owner = OWNERS.get(name, name)
            assert volume == f"secrets-{owner}"


def test_m9b_every_private_key_is_where_the_operator_is_and_nowhere_else() -> None:
    kept = {
        name
        for name, service in services().items()
        if any(one["source"] == "secrets-kept" for one in service.get("volumes", []))
    }
    assert kept == {*ROOT_JOBS}
    assert services()["rings"]["profiles"] == ["rings"], "it runs when it is asked to"


def test_no_image_is_built_twice_and_none_is_the_latest() -> None:
    built = [service["image"] for service in services().values() if "build" in service]
    images = {service["image"] for service in services().values()}
    assert sorted(built) == sorted({image for image in images if image.startswith("conserje/")})
    pinned = [*images, python_image(DOCKERFILE)]
    assert [image for image in pinned if image.endswith(":latest") or ":" not in image] == []


def lint(dockerfile: Path) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("NOT RUN: no hadolint")
    argv = [program, "--no-color", str(dockerfile)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "dockerfile", [DOCKERFILE, *ROOT.glob("deploy/verify/compose/stand_ins/*/Dockerfile")]
)
def test_the_linter_has_nothing_to_say(dockerfile: Path) -> None:
    done = lint(dockerfile)
    assert done.returncode == 0, done.stdout


def test_the_linter_does_speak_up(tmp_path: Path) -> None:
    spoilt = tmp_path / "Dockerfile"
    spoilt.write_text(DOCKERFILE.read_text().replace('CMD ["sh"', 'CMD sh "x" ["sh"'))
    assert lint(spoilt).returncode == 1


@pytest.mark.parametrize("word", ["syntax=", "<<EOF"])
def test_the_dockerfile_needs_no_frontend_from_a_registry(word: str) -> None:
    assert word not in DOCKERFILE.read_text()
