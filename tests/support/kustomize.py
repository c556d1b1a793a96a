"""The objects of deploy/k8s as kustomize builds them; NOT RUN where there is no kustomize."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.verify.k8s.programs import find_kustomize

from devkit.check_result import NotRun
from devkit.stack.settings import cache_dir

OVERLAYS = Path(__file__).parents[2] / "deploy" / "k8s" / "overlays"

Object = dict[str, Any]


@cache
def kustomize() -> tuple[str, ...]:
    """The words to put before a folder's name: of the machine, or built once with Go."""
    try:
        return find_kustomize(cache_dir(), lambda line: print(line, file=sys.stderr))  # noqa: T201
    except NotRun as reason:
        pytest.skip(f"NOT RUN: no kustomize: {reason}")


@cache
def built(overlay: str) -> list[Object]:
    """Read only: all tests of a run share them. overlay: "dev" or "production"."""
    done = subprocess.run(
        [*kustomize(), str(OVERLAYS / overlay)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [candidate for candidate in objects if candidate["kind"] in kinds]


def named(objects: list[Object], kind: str, name: str) -> Object:
    return next(
        candidate for candidate in of_kind(objects, kind) if candidate["metadata"]["name"] == name
    )
