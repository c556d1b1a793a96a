"""llm-comply, an independent judge, finds the emulator to be an Open Responses server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.support.waiting import eventually

from devkit.stack.ports import free_ports

LLM_COMPLY = Path(sys.executable).with_name("llm-comply")


@pytest.fixture
def url() -> Iterator[str]:
    """The command itself. House rules off: the judge sends neither store nor instructions."""
    (port,) = free_ports(1)
    settings = {"OPENAI_EMULATOR_PORT": str(port), "OPENAI_API_KEY": "key", "HOUSE_RULES": "false"}
    process = subprocess.Popen(
        [sys.executable, "-m", "devkit.emulators.openai"], env=os.environ | settings
    )
    try:
        eventually(lambda: is_healthy(f"http://127.0.0.1:{port}/health"), "the emulator")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(10)


def is_healthy(url: str) -> bool:
    try:
        return httpx2.get(url).is_success
    except httpx2.TransportError:
        return False


def test_the_emulator_passes_llm_comply(url: str) -> None:
    arguments = ["run", "-u", url, "-k", "key", "-m", "gpt-5.6-luna", "--json"]
    run = subprocess.run([LLM_COMPLY, *arguments], capture_output=True, text=True, timeout=60)
    report = json.loads(run.stdout)
    assert run.returncode == 0, report
    assert (report["summary"]["passed"], report["summary"]["failed"]) == (13, 0), report
