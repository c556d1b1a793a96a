"""Each service runs from its own dependencies alone: nothing is borrowed from a neighbour."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("ingress", "router", "assistant", "sender", "tenant-admin")
FOREIGN = {
    "ingress": ("faust-streaming", "sqlalchemy", "openai", "aiohttp"),
    "router": ("fastapi", "sqlalchemy", "psycopg2-binary", "openai"),
    "assistant": ("fastapi", "faust-streaming", "uvicorn"),
    "sender": ("fastapi", "faust-streaming", "uvicorn", "openai"),
    "tenant-admin": ("faust-streaming", "openai", "aiohttp"),
}
NO_INDEX = ("Failed to fetch", "error sending request", "Network connectivity is disabled")
IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if ".migrations" not in module.name:
        importlib.import_module(module.name)
        print(module.name)
"""
LIST = "from importlib.metadata import distributions as d; print(*(each.name for each in d()))"


def find_uv() -> str:
    local = ROOT / ".uv" / "bin" / "uv"
    program = str(local) if local.exists() else shutil.which("uv")
    if not program:
        pytest.skip("NOT RUN: uv is not on this machine")
    return program


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace without what is built or fetched into it."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("libs", "services"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def install(tree: Path, service: str, environment: Path) -> None:
    command = [find_uv(), "sync", "--frozen", "--no-dev", "--package", service]
    command += ["--python", sys.executable]
    settings = os.environ | {"UV_PROJECT_ENVIRONMENT": str(environment)}
    settings.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        command, cwd=tree, env=settings, capture_output=True, text=True, check=False
    )
    if done.returncode and any(sign in done.stderr for sign in NO_INDEX):
        pytest.skip("NOT RUN: uv reaches no package index")
    assert done.returncode == 0, done.stderr


def run(environment: Path, *code: str) -> str:
    done = subprocess.run(
        [environment / "bin" / "python", "-c", *code],
        capture_output=True,
        text=True,
        env={"PATH": os.defpath},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_whole_where_only_its_own_dependencies_are(
    tree: Path, tmp_path: Path, service: str
) -> None:
    environment, package = tmp_path / "venv", service.replace("-", "_")
    install(tree, service, environment)
    assert f"{package}.main" in run(environment, IMPORT_ALL, package).split()
    there = set(run(environment, LIST).split())
    assert {service, "common"} <= there
    others = set(SERVICES) - {service} | {"devkit", "pytest"}
    assert not there & {*others, *FOREIGN[service]}


@pytest.mark.parametrize("service", SERVICES)
def test_what_must_be_absent_exists_at_all(service: str) -> None:
    """A misspelt name would be absent everywhere."""
    assert all(distribution(name) for name in FOREIGN[service])
