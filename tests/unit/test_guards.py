"""Rules that matter, held by tests: anatomy, names, imports, environment, sizes."""

import ast
import statistics
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    path.name: path for folder in ("libs", "services") for path in ROOT.glob(f"{folder}/*/src/*")
}
SERVICES = {path.parents[1].name: path for path in ROOT.glob("services/*/src/*")}
SOURCES = sorted(path for root in PACKAGES.values() for path in root.rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "misc", "base", "manager", "common_utils"}
LONGEST_FUNCTION, LONGEST_FILE = 50, 350

IMPORT_ALL = """
import importlib, pkgutil, sys
def refuse(event, _):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen"):
        raise RuntimeError(event + " at import")
package = importlib.import_module(sys.argv[1])
sys.addaudithook(refuse)
for found in pkgutil.walk_packages(package.__path__, sys.argv[1] + "."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return ast.parse(path.read_text())


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_modules_import_with_an_empty_environment_and_without_a_network(package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, package],
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_service_has_the_same_anatomy(service: str) -> None:
    package = SERVICES[service]
    for name in ("settings.py", "wiring.py", "main.py", "py.typed"):
        assert (package / name).exists(), f"{service} has no {name}"
    assert (ROOT / "services" / service / "README.md").exists()
    assert len((package / "main.py").read_text().splitlines()) <= 20


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = {*SOURCES, *SCRIPTS, *TESTS, *(path.parent for path in SOURCES)}
    assert [shown(path) for path in sorted(named) if path.stem in VAGUE] == []


def test_the_environment_is_read_in_settings_only() -> None:
    found = [
        f"{shown(path)}:{line}"
        for path in [*SOURCES, *SCRIPTS]
        if path.name != "settings.py"
        for line in environment_reads(tree(path))
    ]
    assert found == [], "read it in settings.py and pass it on"


def environment_reads(module: ast.Module) -> Iterator[int]:
    for node in ast.walk(module):
        match node:
            case ast.Attribute(attr="environ" | "environb" | "getenv"):
                yield node.lineno
            case ast.alias(name="environ" | "environb" | "getenv"):
                yield node.lineno


def test_no_test_patches_what_it_could_be_given() -> None:
    found = [f"{shown(path)}:{line}" for path in TESTS for line in patches(tree(path))]
    assert found == [], "pass a fake in"


def patches(module: ast.Module) -> Iterator[int]:
    for node in ast.walk(module):
        match node:
            case ast.arg(arg="monkeypatch" | "mocker"):
                yield node.lineno
            case ast.ImportFrom(module="unittest.mock") | ast.ImportFrom(module="unittest"):
                yield node.lineno
            case ast.Import(names=[ast.alias(name="unittest.mock")]):
                yield node.lineno


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{shown(path)}:{node.lineno} {node.name}", length


def test_functions_and_files_stay_small() -> None:
    paths = [*SOURCES, *SCRIPTS]
    lengths = dict(found for path in paths for found in functions(path))
    lines = {shown(path): len(path.read_text().splitlines()) for path in paths}
    for what, sizes in (("functions", lengths), ("files", lines)):
        print(f"{what}: {len(sizes)}, {middle(sizes)}")  # noqa: T201 - pytest -s shows it
    assert {name: size for name, size in lengths.items() if size > LONGEST_FUNCTION} == {}
    assert {name: size for name, size in lines.items() if size > LONGEST_FILE} == {}


def middle(sizes: dict[str, int]) -> str:
    values = sorted(sizes.values())
    return f"median {statistics.median(values):.0f}, p90 {values[len(values) * 9 // 10]} lines"


def test_imports_go_one_way() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_every_folder_with_tests_is_run() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    found = {path.relative_to(ROOT).parts[:2] for path in TESTS if path.stem.startswith("test_")}
    assert {"/".join(parts) for parts in found} == set(listed)
