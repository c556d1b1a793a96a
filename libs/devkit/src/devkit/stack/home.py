"""Where a run keeps its files: a folder that goes with the run, or one that stays."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Reachable for the unprivileged user that PostgreSQL runs as when we are root.
TEMPORARY = Path("/var/tmp")


@contextmanager
def temporary_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="conserje-", dir=TEMPORARY if TEMPORARY.exists() else None))
    try:
        yield private(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def lasting_home() -> Path:
    """`.conserje/up` in the current folder."""
    return private(private(Path.cwd() / ".conserje") / "up")


def private(folder: Path) -> Path:
    """`folder`, there and closed to others. As root the user of PostgreSQL passes through it, and
    sees nothing on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return folder
