"""The pure parts of deploy/compose/verify; the whole of it takes a Docker engine."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from deploy.verify.compose.base_images import ensure, forget_stand_ins, python_image
from deploy.verify.compose.docker_engine import Engine
from deploy.verify.compose.restart_under_load import RestartsUnderLoad, last_json
from deploy.verify.compose.settings import ContainerSettings

from devkit.check_result import FAILED, NOT_RUN, PASSED, Failed, NotRun, print_result

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Registry(Engine):
    """An engine with some images, and a registry with others behind it."""

    here: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)

    def has(self, image: str) -> bool:
        return image in self.here

    def run(self, *argv: str, timeout: float | None = None) -> str:
        if argv[0] == "rmi":
            self.here.remove(argv[1])
        elif argv[-1] not in self.there:
            raise subprocess.CalledProcessError(1, argv)
        return argv[-1]


@pytest.mark.parametrize(
    ("here", "there", "source"),
    [({"kafka:1"}, set(), "here"), (set(), {"kafka:1"}, "pulled"), (set(), set(), "stand-in")],
)
def test_a_base_image_is_stood_in_for_only_when_no_registry_has_it(
    here: set[str], there: set[str], source: str
) -> None:
    built: list[str] = []
    assert ensure(Registry("docker", here=here, there=there), "kafka:1", built.append) == source
    assert built == (["kafka:1"] if source == "stand-in" else [])


def test_a_stand_in_does_not_stay_under_the_name_of_another() -> None:
    engine = Registry("docker", here={"kafka:1", "postgres:18"})
    forget_stand_ins(engine, {"kafka:1": "stand-in", "postgres:18": "here"})
    assert engine.has("postgres:18")
    assert not engine.has("kafka:1")


def test_the_base_image_is_read_from_the_dockerfile(tmp_path: Path) -> None:
    assert python_image(ROOT / "deploy" / "Dockerfile").startswith("python:3.")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(ValueError, match="ARG PYTHON"):
        python_image(tmp_path / "Dockerfile")


def test_the_last_line_of_json_counts_and_none_is_a_failure() -> None:
    assert last_json('chatter\n{"ok": false}\n{"ok": true}\n') == {"ok": True}
    with pytest.raises(Failed, match="no line of JSON in: only chatter"):
        last_json("only chatter")


@pytest.mark.parametrize(
    ("covered", "ledger", "ok"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_restarts_after_the_load_prove_nothing(covered: bool, ledger: bool, ok: bool) -> None:
    assert RestartsUnderLoad(("ingress",), covered, {"ok": ledger}).ok is ok


def test_a_build_gets_the_certificates_that_this_machine_needs(tmp_path: Path) -> None:
    settings = ContainerSettings(ssl_cert_file=tmp_path / "ca.pem")
    assert settings.for_build()["BUILD_CA_FILE"] == str(tmp_path / "ca.pem")


def held() -> dict[str, object]:
    return {"ok": True}


def broken() -> dict[str, object]:
    return {"ok": False, "lost": 1}


def missing() -> dict[str, object]:
    raise NotRun("no engine; install one")


def wrong() -> dict[str, object]:
    raise ValueError("what happened")


@pytest.mark.parametrize(
    ("check", "code", "result"),
    [
        (held, PASSED, {"ok": True}),
        (broken, FAILED, {"ok": False, "lost": 1}),
        (missing, NOT_RUN, {"ok": None, "not_run": "no engine; install one"}),
        (wrong, FAILED, {"ok": False, "error": "ValueError: what happened"}),
    ],
)
def test_a_result_is_one_line_and_what_was_not_run_is_neither_good_nor_bad(
    check: object, code: int, result: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(check)
    assert print_result(check) == code
    said = capsys.readouterr()
    assert json.loads(said.out) == result
    assert said.out.count("\n") == 1
    assert ("NOT RUN: no engine" in said.err) is (code == NOT_RUN)


def test_without_docker_it_says_not_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.verify.compose"],
        cwd=ROOT,
        env={"PATH": "/nowhere", "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == NOT_RUN, done.stderr
    assert json.loads(done.stdout)["ok"] is None
    assert "NOT RUN: no docker client" in done.stderr
