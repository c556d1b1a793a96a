import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devkit.stack.java import find_java, inspect
from devkit.stack.kafka_jars import kafka_jars


@dataclass
class FakeArtifact:
    """A jar in a Maven repository under `repository`; `downloads` counts what it fetched."""

    repository: Path
    filename: str
    downloads: list[str] = field(default_factory=list)

    @property
    def cached_path(self) -> Path:
        return self.repository / self.filename

    def resolve(self) -> Path:
        if not self.cached_path.exists():
            self.downloads.append(self.filename)
            with zipfile.ZipFile(self.cached_path, "w") as jar:
                jar.writestr("A.class", b"")
        return self.cached_path


class Unreachable(FakeArtifact):
    def resolve(self) -> Path:
        raise ConnectionError("no network")


def never() -> list[FakeArtifact]:
    raise AssertionError("a later start must not resolve")


def test_jars_are_fetched_once_with_progress_and_then_kept(tmp_path: Path) -> None:
    said: list[str] = []
    jars = kafka_jars(tmp_path / "cache", said.append, lambda: [FakeArtifact(tmp_path, "a.jar")])
    assert [jar.name for jar in jars.iterdir()] == ["a.jar"]
    assert said[-1] == "Kafka 4.4.0: downloading a.jar"
    assert kafka_jars(tmp_path / "cache", said.append, never) == jars
    assert len(said) == 2


def test_a_jar_whose_download_was_cut_is_fetched_again(tmp_path: Path) -> None:
    artifact = FakeArtifact(tmp_path, "a.jar")
    artifact.cached_path.write_bytes(b"PK\x03\x04 half a jar")
    jars = kafka_jars(tmp_path / "cache", print, lambda: [artifact])
    assert artifact.downloads == ["a.jar"]
    assert zipfile.is_zipfile(jars / "a.jar")


def test_an_interrupted_fetch_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    wanted = [FakeArtifact(tmp_path, "a.jar"), Unreachable(tmp_path, "b.jar")]
    with pytest.raises(ConnectionError):
        kafka_jars(tmp_path / "cache", print, lambda: wanted)
    assert list((tmp_path / "cache").glob("*/*")) == []


def program(path: Path, prints: str, code: int = 0) -> Path:
    path.write_text(f"#!/bin/sh\necho '{prints}' >&2\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("prints", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_402"', 8),
    ],
)
def test_a_javas_version_is_read(tmp_path: Path, prints: str, major: int) -> None:
    java = inspect(program(tmp_path / "java", prints))
    assert java is not None
    assert java.major == major


def test_a_stub_that_is_no_java_is_passed_over(tmp_path: Path) -> None:
    assert inspect(program(tmp_path / "java", "Unable to locate a Java Runtime.", 1)) is None


def test_some_java_that_kafka_accepts_is_found_here() -> None:
    assert find_java().major >= 17
