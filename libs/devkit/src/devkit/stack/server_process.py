"""One server process: it cannot outlive us, logs to a file, and ends when told."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h


class CannotStart(RuntimeError):
    """A server or a child did not come up; the message ends with its last words."""


@dataclass(frozen=True, slots=True)
class User:
    """Who runs the server: numeric user and group, without further groups."""

    uid: int
    gid: int


def dies_with_parent(death: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn`: the kernel sends the child `death` as soon as we are gone (Linux only).

    Raises RuntimeError outside the main thread: the signal would come when that *thread* ends.
    """
    if sys.platform != "linux":
        return None
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("start children from the main thread")
    libc, parent = ctypes.CDLL(None), os.getpid()  # loaded here: not safe after the fork

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death))
        if os.getppid() != parent:  # we died between fork and prctl
            os._exit(1)

    return tie


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    death: signal.Signals,
    user: User | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts `argv` in its own session, stdout and stderr appended to `log`, no stdin.

    A server's log may quote what it was sent: it is its owner's to read.
    """
    with log.open("ab") as out:
        log.chmod(0o600)
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", **(env or {})},
            start_new_session=True,
            preexec_fn=dies_with_parent(death),
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )


def end(process: subprocess.Popen[bytes], polite: signal.Signals, grace: float) -> None:
    """Sends `polite`, waits `grace` seconds, then kills the process and its group."""
    if process.poll() is None:
        process.send_signal(polite)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    kill_group(process.pid)
    process.wait()


def kill_group(leader: int) -> None:
    """SIGKILL to everything left in the group that `leader` founded."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def children_of(pid: int) -> list[int]:
    """The direct children of a process."""
    table = subprocess.run(["ps", "-Ao", "pid=,ppid="], capture_output=True, text=True, check=True)
    rows = (line.split() for line in table.stdout.splitlines())
    return [int(child) for child, parent in rows if int(parent) == pid]


def last_words(log: Path, since: int = 0) -> str:
    """The end of a log file, at most 1500 characters written after byte `since`."""
    if not log.exists():
        return ""
    with log.open(errors="replace") as file:
        file.seek(since)
        return file.read()[-1500:].strip()
