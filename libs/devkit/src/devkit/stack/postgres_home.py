"""The folder of a local PostgreSQL: who may use it, who owns it, and what a crash left there."""

import fcntl
import hashlib
import os
import pwd
import secrets
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import TextIO

from devkit.stack.server_process import CannotStart, User

SHARED = Path("/var/tmp")  # survives a reboot, and `nobody` may enter it


def server_user() -> User | None:
    """PostgreSQL refuses to run as root: `nobody` then, ourselves (None) otherwise."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return User(nobody.pw_uid, nobody.pw_gid)


def usable_home(folder: Path, user: User | None) -> Path:
    """`folder`, created; or its stand-in under /var/tmp where `user` could not reach it."""
    home = folder.absolute()
    if user and not all_may_enter(home.parent):
        name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
        home = SHARED / f"conserje-postgres-{name}"
    home.mkdir(parents=True, exist_ok=True)
    if home.stat().st_uid != os.geteuid():
        raise CannotStart(f"postgres: {home} belongs to somebody else")
    if user:
        home.chmod(0o711)
    return home


def all_may_enter(folder: Path) -> bool:
    existing = [path for path in (folder, *folder.parents) if path.exists()]
    return all(path.stat().st_mode & stat.S_IXOTH for path in existing)


def lock(home: Path) -> TextIO:
    """Held until the file is closed or we end. Raises CannotStart while another stack holds it."""
    file = (home / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise CannotStart(f"postgres: another stack runs in {home}") from None
    return file


def secret(home: Path) -> str:
    """The superuser's password: made once per home, readable by its owner only."""
    file = home / "password"
    if not file.exists():
        partial = file.with_suffix(".new")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(24))
        partial.rename(file)
    return file.read_text()


def readable_once(text: str, user: User | None) -> TextIO:
    """A pipe that holds `text`: a password for another user's program, never in a file."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out:
        out.write(text)
    if user:
        os.fchown(reading, user.uid, -1)
    return os.fdopen(reading)


def is_ready(data: Path, pid: int) -> bool:
    """True once the server `pid` says so in its pid file (first line: pid, last: status)."""
    lines = pid_file(data)
    return len(lines) > 1 and lines[0] == str(pid) and lines[-1].strip() == "ready"


def end_orphan(data: Path, grace: float = 10.0) -> None:
    """Ends a server that a crash left on this folder.

    Its pid may meanwhile be an innocent program's: then only the pid file goes, which PostgreSQL
    would take for a running server. A dead server's pid file stays: PostgreSQL finds in it the
    shared memory that surviving sessions may still use.
    """
    lines = pid_file(data)
    if not lines:
        return
    pid, until = int(lines[0]), time.monotonic() + grace
    while serves(command := command_of(pid), data) and time.monotonic() < until:
        os.kill(pid, signal.SIGINT)
        time.sleep(0.05)
    if command and not serves(command, data):
        (data / "postmaster.pid").unlink(missing_ok=True)


def pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def serves(command: str, data: Path) -> bool:
    return f"postgres -D {data} " in f"{command} "


def command_of(pid: int) -> str:
    """The command line of a live process, "" when there is none (`ps` works on macOS too)."""
    show = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(show, capture_output=True, text=True, check=False).stdout.strip()
