"""A Docker engine: the one that answers, else one of our own for as long as it is needed."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devkit.check_result import NotRun
from devkit.stack import Announce
from devkit.stack.server_process import end, last_words, spawn
from devkit.stack.settings import inherited

START_DEADLINE = 120.0
STOP_GRACE = 30.0
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Engine:
    """host None: the client's usual one."""

    client: str
    host: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {**inherited(), **({"DOCKER_HOST": self.host} if self.host else {})}

    def run(self, *argv: str, timeout: float | None = None) -> str:
        """What the command printed. Raises CalledProcessError, TimeoutExpired."""
        done = subprocess.run(
            [self.client, *argv],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return done.stdout.strip()

    @property
    def version(self) -> str:
        return self.run("version", "--format", "{{.Server.Version}}")

    def answers(self) -> bool:
        try:
            return bool(self.version)
        except subprocess.CalledProcessError:
            return False

    def has(self, image: str) -> bool:
        return bool(self.run("images", "--quiet", image))

    def megabytes(self, image: str) -> float:
        return round(int(self.run("image", "inspect", "-f", "{{.Size}}", image)) / MEGABYTE, 1)


@contextmanager
def engine(home: Path, given: str | None, announce: Announce) -> Iterator[Engine]:
    """given: DOCKER_HOST. Our own keeps everything under `home`. Raises NotRun."""
    client = shutil.which("docker")
    if client is None:
        raise NotRun("no docker client on PATH; on Debian: apt-get install docker.io")
    usual = Engine(client, given)
    if usual.answers():
        announce(f"Docker engine {usual.version}: the one that runs here")
        yield usual
        return
    with own(client, home, announce) as ours:
        yield ours


@contextmanager
def own(client: str, home: Path, announce: Announce) -> Iterator[Engine]:
    daemon = shutil.which("dockerd")
    if daemon is None or os.geteuid() != 0:
        raise NotRun(
            "no Docker engine answers, and none can be started: that takes dockerd and root"
        )
    home.mkdir(parents=True, exist_ok=True)
    host, log = f"unix://{home}/docker.sock", home / "dockerd.log"
    argv = [daemon, "--data-root", f"{home}/data", "--exec-root", f"{home}/exec"]
    argv += ["--pidfile", f"{home}/dockerd.pid", "--host", host]
    process = spawn(argv, log=log, death=signal.SIGTERM, env=inherited())
    try:
        started = wait(Engine(client, host), process, log)
        announce(f"Docker engine {started.version}: started for this run")
        yield started
    finally:
        end(process, signal.SIGTERM, STOP_GRACE)


def wait(engine: Engine, process: "subprocess.Popen[bytes]", log: Path) -> Engine:
    deadline = time.monotonic() + START_DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        if engine.answers():
            return engine
        time.sleep(0.2)
    raise NotRun(f"dockerd does not start here; it said:\n{last_words(log)}")
