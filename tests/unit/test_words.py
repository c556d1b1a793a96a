"""One word per meaning: names in product code, held against each other and against GLOSSARY.md."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = [ROOT / "libs/common/src", ROOT / "libs/ops/src", *ROOT.glob("services/*/src")]
SOURCES = sorted(
    path for root in PRODUCT for path in root.rglob("*.py") if "versions" not in path.parts
)
GLOSSARY = ROOT / "GLOSSARY.md"

SAME_CLASS = {"Settings"}  # each service's settings; also a client's, as its API names them
# Modules that mean the same wherever they stand.
SAME_ROLE = {
    "__init__": "a package",
    "main": "anatomy: starts a service",
    "settings": "anatomy: what the environment says",
    "wiring": "anatomy: the only place that builds objects",
    "migrate": "anatomy: migrates a service's schema",
    "env": "Alembic's entry",
    "tables": "a service's tables",
    "events": "builds a service's events",
    "app": "a FastAPI application",
    "receive": "the entry of a hop",
    "retention_rules": "how long a service keeps its rows",
    "decide": "the pure decisions of a hop",
}
DOORS = {"core", "api", "cli"}  # one feature, seen from several doors
# Parts of contracts: event fields and settings keep their names.
CONTRACT = {"handoff_words"}


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def classes_of(source: str) -> list[str]:
    """The public classes of a module."""
    body = ast.parse(source).body
    names = [node.name for node in body if isinstance(node, ast.ClassDef)]
    return [name for name in names if not name.startswith("_")]


def doubles(places: dict[str, set[str]]) -> list[str]:
    return [f"{name}: {', '.join(sorted(at))}" for name, at in places.items() if len(at) > 1]


def class_doubles(sources: dict[str, str]) -> list[str]:
    places: dict[str, set[str]] = defaultdict(set)
    for place, source in sources.items():
        for name in classes_of(source):
            if name not in SAME_CLASS:
                places[name].add(place)
    return doubles(places)


def module_doubles(paths: list[Path]) -> list[str]:
    """A feature's doors count as one place."""
    places: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        if path.stem not in SAME_ROLE:
            door = path.parent.name in DOORS
            places[path.stem].add(shown(path.parent.parent if door else path.parent))
    return doubles(places)


def test_no_public_class_name_stands_for_two_things() -> None:
    sources = {shown(path): path.read_text() for path in SOURCES}
    assert class_doubles(sources) == []


def test_a_colliding_class_is_found() -> None:
    colliding = {
        "a.py": "class Part: ...",
        "b.py": "class Part: ...",
        "c.py": "class Settings: ...",
    }
    assert class_doubles(colliding) == ["Part: a.py, b.py"]
    assert class_doubles({**colliding, "b.py": "class _Part: ..."}) == []


def test_no_module_is_named_like_another_that_means_something_else() -> None:
    assert module_doubles(SOURCES) == []


def test_a_colliding_module_is_found_and_a_door_is_none() -> None:
    tenant_admin = ROOT / "services/tenant-admin/src/tenant_admin"
    doors = [tenant_admin / door / "clients.py" for door in sorted(DOORS)]
    assert module_doubles(doors) == []
    assert len(module_doubles([*doors, tenant_admin / "replay/clients.py"])) == 1


def words_to_avoid() -> set[str]:
    """In `code type` in the last column of the tables and in the last line."""
    lines = GLOSSARY.read_text().splitlines()
    columns = [
        line.split("|")[3] for line in lines if line.startswith("|") and line.count("|") == 4
    ]
    advice = [line for line in lines if line.startswith("In code also avoid:")]
    return {word for text in [*columns, *advice] for word in re.findall(r"`(\w+)`", text)}


def names_in(module: ast.Module) -> Iterator[str]:
    """What a module names: classes, functions, parameters, variables, attributes that it sets."""
    for node in ast.walk(module):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def words_in(name: str) -> set[str]:
    """`RetryAfter_seconds` holds retry, after, seconds."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def avoided(names: set[str], avoid: set[str]) -> list[str]:
    return sorted(name for name in names - CONTRACT if words_in(name) & avoid)


def test_the_glossary_has_words_to_avoid() -> None:
    assert {"handoff", "said", "hand", "verdict"} <= words_to_avoid()


@pytest.mark.parametrize(
    ("name", "bad"),
    [("HandoffHours", True), ("handoff_words", False), ("is_said", True), ("handler", False)],
)
def test_a_word_to_avoid_is_found_inside_a_name(name: str, bad: bool) -> None:
    assert bool(avoided({name}, {"handoff", "said", "hand"})) is bad


def test_product_code_uses_no_word_to_avoid() -> None:
    avoid = words_to_avoid()
    found = [
        f"{shown(path)}: {', '.join(bad)}"
        for path in SOURCES
        if (bad := avoided({path.stem, *names_in(ast.parse(path.read_text()))}, avoid))
    ]
    assert found == [], "see GLOSSARY.md for the word to use"


def underscored(source: str) -> list[str]:
    """Functions and classes of a module that begin with an underscore."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [n.name for n in ast.parse(source).body if isinstance(n, kinds) and n.name[0] == "_"]


def test_only_what_a_class_keeps_to_itself_has_an_underscore() -> None:
    found = {shown(path): names for path in SOURCES if (names := underscored(path.read_text()))}
    assert found == {}
    assert underscored("def _a(): ...") == ["_a"]


STATE_NUMBER = re.compile(r"\bstate\s*(=|<>|!=|in \()\s*[0-9]")
ROW_BY_POSITION = re.compile(r"\brow\[[0-9:-]|\(\*row\b|\brows?\[[0-9]+\]\[[0-9]")


def lines_like(pattern: re.Pattern[str], outside: str = "-") -> list[str]:
    return [
        f"{shown(path)}:{number}"
        for path in SOURCES
        if outside not in shown(path)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if pattern.search(line)
    ]


def test_work_states_are_numbers_nowhere_outside_common_work() -> None:
    assert lines_like(STATE_NUMBER, outside="common/work/") == []
    assert STATE_NUMBER.search("where turn.state = 1 and")


def test_rows_are_read_by_name() -> None:
    assert lines_like(ROW_BY_POSITION) == []
    assert ROW_BY_POSITION.search("Message(*row[1:])")


def test_common_names_no_service_but_in_the_map_of_topics() -> None:
    """What knows the services is libs/ops; see libs/common/README.md."""
    names = re.compile(r"[\"'](ingress|router|assistant|sender|tenant-admin|tenant_admin)[\"']")
    common = ROOT / "libs/common/src/common"
    found = [
        shown(path)
        for path in sorted(common.rglob("*.py"))
        if path != common / "topics.py" and names.search(path.read_text())
    ]
    assert found == []
