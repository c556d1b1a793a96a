"""Go programs from the module proxy: built once per version, then kept in the cache."""

import fcntl
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from devkit.check_result import NotRun
from devkit.stack import Announce

PROGRESS_EVERY = 200  # packages; Kubernetes has 1400


def kept(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, filled by `make` if it is not there: whole or not at all, by one process at a time.

    Raises what `make` raises.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            partial = Path(tempfile.mkdtemp(dir=folder.parent))
            try:
                make(partial)
                partial.chmod(0o755)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return folder


def find_go() -> str:
    """Raises NotRun where there is none."""
    go = shutil.which("go")
    if not go:
        raise NotRun("no Go on PATH to build it with: https://go.dev/dl")
    return go


def install(package: str, target: Path) -> None:
    """`package@version` into the folder `target`. Raises NotRun with Go's words."""
    run_go(["install", package], cwd=target, announce=None, variables=[f"GOBIN={target}"])


def run_go(
    arguments: Sequence[str],
    *,
    cwd: Path,
    announce: Announce | None,
    variables: Sequence[str] = (),
) -> None:
    """Politely: a build of minutes must not starve who works here. Raises NotRun."""
    argv = ["env", *variables, "nice", "-n", "10", find_go(), *arguments]
    output: deque[str] = deque(maxlen=5)
    with subprocess.Popen(argv, cwd=cwd, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for count, line in enumerate(running.stderr, start=1):
            output.append(line.strip())
            if announce and count % PROGRESS_EVERY == 0:
                announce(f"go: {output[-1]} ({count})")
    if running.returncode:
        raise NotRun(f"go {arguments[0]} failed: {' / '.join(output)}")


def output_of_go(*arguments: str) -> str:
    """Its stdout. Raises NotRun with Go's words."""
    done = subprocess.run([find_go(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        output = " ".join((done.stderr or done.stdout).split())
        raise NotRun(f"go {' '.join(arguments)} failed: {output}")
    return done.stdout
