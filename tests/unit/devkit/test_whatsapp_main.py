"""`python -m devkit.emulators.whatsapp` as a process."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.waiting import eventually


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "token").write_text("from-a-file\n")
    business = {"name": "Taller", "phone_number": "+34911", "phone_number_id": "42"}
    (tmp_path / "businesses.json").write_text(json.dumps([business]))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "WHATSAPP_EMULATOR_PORT": str(port),
        "WHATSAPP_APP_SECRETS": "first,second",
        "WHATSAPP_VERIFY_TOKEN": "verify",
        "WHATSAPP_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
        "BUSINESSES": str(tmp_path / "businesses.json"),
    }


def start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "devkit.emulators.whatsapp"]
    return subprocess.Popen(
        command, env={"PATH": os.environ["PATH"]} | environment, stderr=subprocess.PIPE
    )


@pytest.fixture
def process(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with start(environment) as process:
        yield process
        process.kill()


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.ConnectError:
        return False


def test_it_serves_what_the_environment_says_and_stops_with_a_watcher_attached(
    environment: dict[str, str], process: subprocess.Popen[bytes]
) -> None:
    url = f"http://127.0.0.1:{environment['WHATSAPP_EMULATOR_PORT']}"
    eventually(lambda: is_up(url))
    body = {"messaging_product": "whatsapp", "to": "+34600111222", "text": {"body": "x"}}
    headers = {"Authorization": "Bearer from-a-file"}
    answer = httpx.post(f"{url}/v26.0/42/messages", json=body, headers=headers)
    assert answer.json()["error"]["code"] == 131047
    with httpx.stream("GET", f"{url}/events"):
        process.terminate()
        process.wait(5)


def test_it_names_the_variable_that_is_missing(environment: dict[str, str]) -> None:
    del environment["WHATSAPP_APP_SECRETS"]
    with start(environment) as process:
        _, problem = process.communicate(timeout=15)
    assert process.returncode == 2
    assert b"WHATSAPP_APP_SECRETS is missing" in problem
