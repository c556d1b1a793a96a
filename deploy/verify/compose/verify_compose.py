"""The compose file on a real engine: what it must do, step by step."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from deploy.verify.compose.base_images import base_images, forget_stand_ins
from deploy.verify.compose.check_installation import check_installation
from deploy.verify.compose.docker_compose import Compose, find_program
from deploy.verify.compose.docker_engine import Engine, engine
from deploy.verify.compose.settings import ContainerSettings

from devkit.check_result import Failed, show_progress
from devkit.stack.home import temporary_home
from devkit.stack.ports import free_ports

PROJECT = "conserje-verify"
BUILD_SECONDS = 1800.0
UP_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Seconds by step."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        show_progress(f"{step} ...")
        began = monotonic()
        yield
        self.seconds[step] = round(monotonic() - began, 1)


def verify(root: Path, settings: ContainerSettings) -> dict[str, Any]:
    """The result. Raises NotRun, Failed."""
    watch = Stopwatch()
    with (
        watch("all"),
        temporary_home() as home,
        engine(home / "docker", settings.docker_host, show_progress) as docker,
    ):
        checked = verified(project(root, docker, settings), root, home, watch)
    return {**checked, "seconds": watch.seconds}


def project(root: Path, docker: Engine, settings: ContainerSettings) -> Compose:
    """As `cp .env.example .env` leaves it, beside what runs here: own name, ports, images."""
    ingress, admin, chat = map(str, free_ports(3))
    ports = {"INGRESS_PORT": ingress, "ADMIN_PORT": admin, "CHAT_PORT": chat}
    return Compose(
        find_program(docker),
        docker,
        root / "docker-compose.yml",
        PROJECT,
        root / ".env.example",
        {"VERSION": "verify", **ports, **settings.for_build()},
    )


def verified(compose: Compose, root: Path, home: Path, watch: Stopwatch) -> dict[str, Any]:
    with watch("base_images"):
        bases = base_images(root, compose, home)
    try:
        with watch("build"):
            compose.run("build", "--quiet", timeout=BUILD_SECONDS)
        with up_and_down(compose, watch):
            checked = check_installation(compose, watch)
        images = sizes(compose)
    finally:
        forget_stand_ins(compose.engine, bases)
    return {
        **checked,
        "docker": compose.engine.version,
        "compose": compose.version,
        "base_images": bases,
        "image_mb": images,
    }


@contextmanager
def up_and_down(compose: Compose, watch: Stopwatch) -> Iterator[None]:
    """Up and healthy inside the block; afterwards nothing is left, volumes included."""
    try:
        with watch("up"):
            compose.run("up", "--detach", "--wait", "--wait-timeout", str(UP_SECONDS))
        yield
    except Failed:
        logs = compose.run("logs", "--no-color", "--tail", "25")
        show_progress(compose.run("ps", "--all") + logs)
        raise
    finally:
        with watch("down"):
            compose.run("down", "--volumes", "--timeout", "20")


def sizes(compose: Compose) -> dict[str, float]:
    """Megabytes of every image in the file."""
    images = {service["image"] for service in compose.config()["services"].values()}
    return {image: compose.engine.megabytes(image) for image in sorted(images)}
