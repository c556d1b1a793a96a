"""Where a run keeps its files: a folder that goes with the run, or one that stays."""

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
    home.chmod(0o755)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def lasting_home() -> Path:
    """`.conserje/up` in the current folder."""
    home = Path.cwd() / ".conserje" / "up"
    home.mkdir(parents=True, exist_ok=True)
    return home
