"""`python -m devkit.kubernetes [folder of overlays]`: the verdict on one line of JSON.

Exit codes: 0 all well, 1 something failed, 3 not run.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from devkit.kubernetes import NotRun
from devkit.kubernetes.verify import verify

OVERLAYS = Path("deploy/k8s/overlays")


def main(overlays: Annotated[Path, typer.Argument()] = OVERLAYS) -> None:
    """Every overlay against a real Kubernetes API server."""
    try:
        verdict, code = verify(overlays.absolute(), aside), 0
    except NotRun as reason:
        aside(f"NOT RUN: {reason}")
        verdict, code = {"ok": None, "not_run": str(reason)}, 3
    except Exception as error:  # noqa: BLE001 - whatever failed is the result
        verdict, code = {"ok": False, "error": f"{type(error).__name__}: {error}"}, 1
    report(verdict)
    raise typer.Exit(code)


def aside(line: str) -> None:
    """Progress: stdout is for the result alone."""
    print(line, file=sys.stderr, flush=True)


def report(verdict: dict[str, Any]) -> None:
    print(json.dumps(verdict))


if __name__ == "__main__":
    typer.run(main)
