"""Apache Kafka's jars from Maven Central, fetched once and kept: later starts resolve nothing."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from devkit.stack import Announce

VERSION = "4.4.0"
# Kafka has no SLF4J binding among its dependencies: without one its log vanishes silently.
ENDPOINT = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"


def kafka_jars(cache: Path, announce: Announce) -> Path:
    """The folder of jars inside `cache`; fills it first if needed (43 MB, about 20 s).

    Raises what `jgo` raises when Maven Central cannot be reached.
    """
    jars = cache / f"kafka-{VERSION}" / "lib"
    if not jars.is_dir():
        announce(f"Kafka {VERSION}: resolving its jars, once")
        jars.parent.mkdir(parents=True, exist_ok=True)
        _copy_whole(_fetch(announce), jars)
    return jars


def _fetch(announce: Announce) -> list[Path]:
    import jgo  # half a second that only the first start pays

    artifacts = jgo.resolve(ENDPOINT)
    return [_intact(artifact, announce) for artifact in artifacts]


def _intact(artifact: Any, announce: Announce) -> Path:
    """One jar in the local Maven repository, fetched again if an earlier download was cut."""
    cached: Path = artifact.cached_path
    if cached.exists() and not zipfile.is_zipfile(cached):
        cached.unlink()
    if not cached.exists():
        announce(f"Kafka {VERSION}: downloading {artifact.filename}")
    return Path(artifact.resolve())


def _copy_whole(files: Iterable[Path], target: Path) -> None:
    """All or nothing, so that a cut copy or a second stack never leaves a half-filled folder."""
    partial = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        for file in files:
            shutil.copy(file, partial)
        partial.chmod(0o755)
        os.rename(partial, target)
    except OSError:
        if not target.is_dir():  # else another stack was faster, with the same jars
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
