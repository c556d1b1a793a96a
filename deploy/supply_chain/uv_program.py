"""uv, as the Makefile fetches it."""

import shutil
from pathlib import Path

from devkit.check_result import NotRun

FETCHED = ".uv/bin/uv"


def find_uv(root: Path) -> Path:
    """Raises NotRun."""
    fetched = root / FETCHED
    found = fetched if fetched.exists() else shutil.which("uv")
    if found is None:
        raise NotRun(f"there is no uv: neither {FETCHED} (make .venv/ready) nor one on the path")
    return Path(found)
