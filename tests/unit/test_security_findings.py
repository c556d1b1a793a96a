"""docs/security-findings.md names tests that are there, and misses none named after a finding."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "security-findings.md"
ROW = re.compile(
    r"^\| (?P<finding>[HMLA]\d+[a-z]?) \| (?P<words>[^|]+) \| (?P<tests>[^|]*)\|$", re.M
)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::([\w*]+)`")
AFTER_A_FINDING = re.compile(r"test_([hmla]\d+[a-z]?)_")
ROWS = [(row["finding"], row["tests"]) for row in ROW.finditer(TABLE.read_text(encoding="utf-8"))]
NAMES = [(finding, *named) for finding, tests in ROWS for named in NAMED.findall(tests)]


@cache
def defined_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in ast.walk(tree) if isinstance(node, functions)}
    return frozenset(name for name in names if name.startswith("test_"))


def test_every_row_of_the_table_is_read() -> None:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert len(ROWS) == len([line for line in lines if re.match(r"\| [HMLA]\d", line)])
    assert {finding for finding, _ in ROWS} >= {f"H{n}" for n in range(1, 7)}


@pytest.mark.parametrize(("finding", "file", "name"), NAMES)
def test_every_test_that_it_names_is_there(finding: str, file: str, name: str) -> None:
    assert [test for test in defined_in(file) if fnmatch(test, name)], finding


def test_every_test_named_after_a_finding_is_in_its_row() -> None:
    assert [one for one in named_after_findings() if not in_row(*one)] == []


def named_after_findings() -> Iterator[tuple[str, str, str]]:
    """Finding, file and name."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = str(path.relative_to(ROOT))
        for test in sorted(defined_in(file)):
            if match := AFTER_A_FINDING.match(test):
                yield match[1], file, test


def in_row(finding: str, file: str, test: str) -> bool:
    return any(
        row.lower() == finding and at == file and fnmatch(test, name) for row, at, name in NAMES
    )
