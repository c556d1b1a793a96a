"""docker-compose.yml as a real Compose resolves it; no engine is needed for that."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from deploy.verify.compose.docker_compose import find_program

from devkit.check_result import NotRun
from ops.secret_files import READERS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"
COMMENTED = re.compile(r"^#([A-Z][A-Z_]*=)", re.MULTILINE)


@cache
def program() -> tuple[str, ...]:
    try:
        return find_program()
    except NotRun as reason:
        pytest.skip(f"NOT RUN: {reason}")


def compose(*words: str, file: Path = FILE, env_file: Path = EXAMPLE) -> str:
    """Its output. Fails with what Compose says."""
    argv = [*program(), "-f", str(file), "--env-file", str(env_file), *words]
    environment = {"PATH": os.defpath}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def services(env_file: Path = EXAMPLE) -> dict[str, dict[str, Any]]:
    """Every service and job of the file, whatever its profile. Read only: it is kept."""
    return dict(resolved(env_file)["services"])


@cache
def compose_networks() -> dict[str, dict[str, Any]]:
    return dict(resolved(EXAMPLE)["networks"])


def resolved(env_file: Path) -> dict[str, Any]:
    profiles = ("--profile", "demo", "--profile", "rings")
    return dict(json.loads(compose(*profiles, "config", "--format", "json", env_file=env_file)))


def run_secrets_job(folder: Path, env_file: Path = EXAMPLE) -> "subprocess.CompletedProcess[str]":
    """The job `secrets` as Compose starts it, writing into `folder`."""
    given = {
        key: value or "" for key, value in services(env_file)["secrets"]["environment"].items()
    }
    return subprocess.run(
        [sys.executable, "-m", "ops.secret_files"],
        env={"PATH": os.defpath, **given, "SECRETS_FOLDER": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def with_files(name: str, environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The settings of a service with what the job wrote for it into `folder`; an empty file sets
    nothing. A key ring stays a file."""
    paths = {f"/run/secrets/{file}": folder / name / file for file in READERS.get(name, ())}
    values = dict(environment)
    for variable, value in environment.items():
        if variable == "KEY_RING_FILE":
            values[variable] = str(paths[value])
        elif value in paths and variable.endswith("_FILE"):
            del values[variable]
            values[variable.removesuffix("_FILE")] = paths[value].read_text(encoding="utf-8")
    return {variable: value for variable, value in values.items() if value}


def example_without_comments() -> str:
    """.env.example with every default that it shows in force, and without the demo."""
    text = COMMENTED.sub(r"\1", EXAMPLE.read_text(encoding="utf-8"))
    return text.replace("COMPOSE_PROFILES=demo\n", "")
