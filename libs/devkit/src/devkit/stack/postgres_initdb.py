"""A new PostgreSQL data folder."""

import os
import shutil
import subprocess
from pathlib import Path

from devkit.stack.postgres_home import readable_once
from devkit.stack.server_process import CannotStart, User


def initialise(
    binaries: Path, data: Path, superuser: str, password: str, user: User | None
) -> None:
    """Makes `data`, owned by `user`, unless it is there. Raises CannotStart with initdb's words.

    It gets its name last: an interrupted start leaves nothing that looks complete.
    """
    if data.exists():
        return
    fresh = data.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user:
        os.chown(fresh, user.uid, user.gid)
    init_db(binaries, fresh, superuser, password, user)
    fresh.rename(data)


def init_db(binaries: Path, data: Path, superuser: str, password: str, user: User | None) -> None:
    argv = [str(binaries / "initdb"), "-D", str(data), "-U", superuser, "-E", "UTF8"]
    argv += ["--locale=C.UTF-8", "-A", "scram-sha-256", "--no-sync"]
    with readable_once(password, user) as pipe:
        done = subprocess.run(
            [*argv, f"--pwfile=/dev/fd/{pipe.fileno()}"],
            pass_fds=[pipe.fileno()],
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise CannotStart(f"postgres: initdb failed in {data}: {done.stderr.strip()}")
