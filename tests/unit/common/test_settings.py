"""Settings from the environment and from files; wrong ones end the process and name themselves."""

import subprocess
import sys
from pathlib import Path

SERVICE = """
from common.service import lifecycle
from common.service.settings import Secret, ServiceSettings
class Settings(ServiceSettings):
    app_secret: Secret
    slots: int = 5
def build(settings, life):
    print(settings.app_secret.get_secret_value(), settings.slots, settings)
    life.end()
    return []
lifecycle.run("tests", Settings, build)
"""
GOOD = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "APP_SECRET": "our-own", "HEALTH_PORT": "0"}


def started(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", SERVICE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_service_starts_with_what_it_needs_and_never_prints_a_secret() -> None:
    done = started(GOOD)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("our-own 5")
    assert done.stdout.count("our-own") == 1


def test_each_wrong_variable_is_named_in_a_line_and_the_code_is_2() -> None:
    done = started({"SLOTS": "many"})
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert any("KAFKA_BOOTSTRAP_SERVERS is missing" in line for line in lines)
    assert any("APP_SECRET is missing" in line and "APP_SECRET_FILE" in line for line in lines)
    assert any(line.startswith("settings: SLOTS:") for line in lines)
    assert len(lines) == 3


def test_a_well_known_default_is_refused_without_quoting_it() -> None:
    done = started(GOOD | {"APP_SECRET": "ChangeMe"})
    assert done.returncode == 2
    assert done.stderr.startswith("settings: APP_SECRET: is empty or a well-known default")
    assert "ChangeMe" not in done.stderr


def test_an_empty_variable_is_a_missing_one() -> None:
    assert "APP_SECRET is missing" in started(GOOD | {"APP_SECRET": ""}).stderr


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from-a-file\n")
    environment = {name: value for name, value in GOOD.items() if name != "APP_SECRET"}
    done = started(environment | {"APP_SECRET_FILE": str(path)})
    assert done.stdout.startswith("from-a-file 5")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    environment = {name: value for name, value in GOOD.items() if name != "APP_SECRET"}
    done = started(environment | {"APP_SECRET_FILE": str(tmp_path / "nothing")})
    assert done.returncode == 2
    assert done.stderr == f"settings: cannot read {tmp_path}/nothing: No such file or directory\n"


def test_an_empty_file_is_a_missing_value(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("\n")
    environment = {name: value for name, value in GOOD.items() if name != "APP_SECRET"}
    done = started(environment | {"APP_SECRET_FILE": str(path)})
    assert "APP_SECRET is missing" in done.stderr


def test_l14_a_value_and_a_file_for_the_same_setting_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from-a-file")
    done = started(GOOD | {"APP_SECRET_FILE": str(path)})
    assert done.returncode == 2
    assert done.stderr.startswith("settings: APP_SECRET and APP_SECRET_FILE are both set")
    assert "our-own" not in done.stderr
    environment = GOOD | {"APP_SECRET": "", "APP_SECRET_FILE": str(path)}
    assert started(environment).stdout.startswith("from-a-file 5"), "an empty one is not set"


def test_l14_a_file_that_is_no_text_is_named_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"\xff\xfe\x00binary")
    environment = {name: value for name, value in GOOD.items() if name != "APP_SECRET"}
    done = started(environment | {"APP_SECRET_FILE": str(path)})
    assert done.returncode == 2
    assert done.stderr == f"settings: APP_SECRET_FILE: {path} is not text in UTF-8\n"
