"""@copilotkit/aimock, a model server that is not ours: installed from npm, run on a free port."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.waiting import eventually_async

from devkit.stack.ports import free_ports

PACKAGE = "@copilotkit/aimock@1.43.0"
INSTALL_SECONDS = 120


def install(folder: Path) -> Path:
    """The command, or the test is NOT RUN where npm or its registry is missing."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("NOT RUN: npm is not on this machine")
    argv = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("NOT RUN: npm reaches no registry")
    if done.returncode:
        pytest.skip("NOT RUN: npm reaches no registry")
    return folder / "node_modules" / ".bin" / "llmock"


@asynccontextmanager
async def running_aimock(folder: Path, fixtures: Sequence[dict[str, Any]]) -> AsyncIterator[str]:
    """Its base URL. fixtures: what it answers to which text; anything else is refused."""
    command = install(folder)
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": fixtures}), encoding="utf-8")
    (port,) = free_ports(1)
    argv = ("-p", str(port), "-f", str(folder / "fixtures.json"), "--strict")
    process = await asyncio.create_subprocess_exec(
        command, *argv, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await eventually_async(lambda: answers(f"{url}/health"), "aimock to be up")
        yield url
    finally:
        process.kill()
        await process.wait()


async def answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
