"""llm-comply, an independent judge, finds the emulator to be an Open Responses server."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

LLM_COMPLY = Path(sys.executable).with_name("llm-comply")
STARTS_WITHIN = 60.0


@pytest.fixture
def url() -> Iterator[str]:
    """The command itself. House rules off: the judge sends neither store nor instructions."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"OPENAI_EMULATOR_PORT": str(port), "OPENAI_API_KEY": "key", "HOUSE_RULES": "false"}
    process = subprocess.Popen(
        [sys.executable, "-m", "devkit.emulators.openai"], env=os.environ | settings
    )
    try:
        wait_for_health(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(10)


def wait_for_health(url: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            httpx2.get(url).raise_for_status()
        except httpx2.TransportError:
            assert time.monotonic() < deadline, "the emulator did not start"
            time.sleep(0.05)
        else:
            return


def test_the_emulator_passes_llm_comply(url: str) -> None:
    arguments = ["run", "-u", url, "-k", "key", "-m", "gpt-5.6-luna", "--json"]
    run = subprocess.run([LLM_COMPLY, *arguments], capture_output=True, text=True, timeout=60)
    report = json.loads(run.stdout)
    assert run.returncode == 0, report
    assert (report["summary"]["passed"], report["summary"]["failed"]) == (13, 0), report
