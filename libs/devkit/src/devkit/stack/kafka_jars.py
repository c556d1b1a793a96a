"""Apache Kafka's jars from Maven Central, fetched once and kept: later starts resolve nothing."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from devkit.stack import Announce

VERSION = "4.4.0"
# Kafka has no SLF4J binding among its dependencies: without one its log vanishes silently.
ENDPOINT = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"


class Artifact(Protocol):
    """One jar, as `jgo` describes it."""

    @property
    def filename(self) -> str: ...

    @property
    def cached_path(self) -> Path | None:
        """Where the local Maven repository keeps it; maybe not there yet."""

    def resolve(self) -> Path:
        """That path, after a download if it is not there."""


def resolve_kafka() -> Iterable[Artifact]:
    """Kafka's jars, none of them downloaded yet. Raises what jgo raises without a network."""
    import jgo  # half a second that only the first start pays

    return jgo.resolve(ENDPOINT)


def kafka_jars(
    cache: Path,
    announce: Announce,
    resolve: Callable[[], Iterable[Artifact]] = resolve_kafka,
) -> Path:
    """The folder of jars inside `cache`; fills it first if needed (43 MB, about 20 s).

    Raises what `jgo` raises when Maven Central cannot be reached.
    """
    jars = cache / f"kafka-{VERSION}" / "lib"
    if not jars.is_dir():
        announce(f"Kafka {VERSION}: resolving its jars, once")
        jars.parent.mkdir(parents=True, exist_ok=True)
        copy_whole((verified(jar, announce) for jar in resolve()), jars)
    return jars


def verified(artifact: Artifact, announce: Announce) -> Path:
    """One jar in the local Maven repository, fetched again if an earlier download was cut."""
    cached = artifact.cached_path
    if cached and cached.exists() and not zipfile.is_zipfile(cached):
        cached.unlink()
    if not (cached and cached.exists()):
        announce(f"Kafka {VERSION}: downloading {artifact.filename}")
    return artifact.resolve()


def copy_whole(files: Iterable[Path], target: Path) -> None:
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
