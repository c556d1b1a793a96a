"""No value of COMPOSE_PROFILES brings real services to stand-ins, or real secrets to them.

The real Compose says what the job `secrets` is given, and the real job what it makes of it.
"""

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from tests.support.compose import run_secrets_job, services, with_files

from ops.secret_files import DEMO_READERS, STAND_INS

REAL = {
    "WHATSAPP_APP_SECRETS": "5f4dcc3b5aa765d61d8327deb882cf99",
    "WHATSAPP_VERIFY_TOKEN": "verify-token-of-the-real-app",
    "WHATSAPP_ACCESS_TOKEN": "EAAB-real-token-of-a-system-user",
    "OPENAI_API_KEY": "sk-real-key-of-an-account",
}
NEEDED = REAL.keys() - {"WHATSAPP_ACCESS_TOKEN"}
CALLERS = ("assistant", "sender", "tenant-admin")
DEMOS = ("demo", "demo,monitoring", "monitoring,demo", "*")
NO_DEMOS = ("", "monitoring", "rings", "rings,monitoring", "demonstration", "no-demo", "DEMO", ",")
GIVEN = ((), tuple(REAL), *((name,) for name in REAL))


def env_file(folder: Path, profiles: str, given: tuple[str, ...]) -> Path:
    lines = [f"COMPOSE_PROFILES={profiles}", *(f"{name}={REAL[name]}" for name in given)]
    path = folder / ".env"
    path.write_text("\n".join(lines) + "\n")
    return path


def upstreams(folder: Path, env: Path) -> set[str]:
    """What the services would call, besides Meta's and OpenAI's own addresses."""
    return {
        value
        for name in CALLERS
        for variable, value in with_files(
            name, services(env)[name]["environment"], folder / "secrets"
        ).items()
        if variable in ("WHATSAPP_GRAPH_URL", "OPENAI_BASE_URL")
    }


def held(folder: Path, readers: tuple[str, ...]) -> str:
    files = [file for name in readers for file in (folder / "secrets" / name).glob("*")]
    return "\n".join(file.read_text() for file in files)


def run(folder: Path, profiles: str, given: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    (folder / "secrets").mkdir()
    return run_secrets_job(folder / "secrets", env_file(folder, profiles, given))


@pytest.mark.parametrize(("profiles", "given"), list(product(DEMOS, GIVEN)))
def test_m1_the_demo_takes_no_real_secret_and_says_which_it_was_given(
    profiles: str, given: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(tmp_path, profiles, given)
    if given:
        assert done.returncode == 2
        assert [line.split()[0] for line in done.stderr.splitlines()] == list(given)
        assert not any(REAL[name] in done.stderr for name in given)
        assert list((tmp_path / "secrets").iterdir()) == [], "nothing is written"
    else:
        assert done.returncode == 0, done.stderr
        stand_ins = {"http://whatsapp:8080/v26.0", "http://openai:4640/v1"}
        assert upstreams(tmp_path, tmp_path / ".env") == stand_ins


@pytest.mark.parametrize(("profiles", "given"), list(product(NO_DEMOS, GIVEN)))
def test_m1_no_other_profile_reaches_a_stand_in(
    profiles: str, given: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(tmp_path, profiles, given)
    if missing := NEEDED - set(given):
        assert done.returncode == 2
        assert {line.split()[0] for line in done.stderr.splitlines()} == missing
    else:
        assert done.returncode == 0, done.stderr
        assert upstreams(tmp_path, tmp_path / ".env") == set()
        assert held(tmp_path, DEMO_READERS) == ""


def test_m1_the_real_model_in_the_demo_keeps_its_key_from_the_stand_ins(tmp_path: Path) -> None:
    path = env_file(tmp_path, "demo", ("OPENAI_API_KEY",))
    path.write_text(path.read_text() + "OPENAI_BASE_URL=https://api.openai.com/v1\n")
    (tmp_path / "secrets").mkdir()
    assert run_secrets_job(tmp_path / "secrets", path).returncode == 0
    assert REAL["OPENAI_API_KEY"] in held(tmp_path, ("assistant",))
    assert REAL["OPENAI_API_KEY"] not in held(tmp_path, DEMO_READERS)
    assert "https://api.openai.com/v1" in upstreams(tmp_path, path)


@pytest.mark.parametrize("name", DEMO_READERS)
def test_m1_what_belongs_to_the_demo_waits_for_the_word_that_it_is_one(name: str) -> None:
    service = services()[name]
    assert service["profiles"] == ["demo"]
    gate = service["depends_on"]["check-demo"]
    assert gate["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("profiles", [*DEMOS, *NO_DEMOS])
def test_m1_a_profile_of_the_command_line_alone_is_refused(profiles: str, tmp_path: Path) -> None:
    """`docker compose --profile demo up`: Compose itself knows of it, no service does."""
    given = services(env_file(tmp_path, profiles, ()))["check-demo"]["environment"]
    argv = [sys.executable, "-m", "ops.check_demo"]
    done = subprocess.run(argv, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if profiles in DEMOS else 2), done.stderr
    if profiles not in DEMOS:
        assert "set COMPOSE_PROFILES=demo in .env" in done.stderr


def test_the_stand_ins_are_those_of_the_file() -> None:
    images = {name: one["image"] for name, one in services().items()}
    assert {name for name in images if images[name].startswith("conserje/devkit")} == {
        *STAND_INS,
        "exercise",
    }
