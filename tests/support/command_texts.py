"""Every text of the sources that the command line may print, as `spanish.toml` writes it: what an
f-string fills in is {0}, {1} and so on, in order."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core._pydantic_core import list_all_errors
from tests.support.processes import ROOT

from tenant_admin.core.problems import FIXES, MESSAGES

PACKAGE = ROOT / "services/tenant-admin/src/tenant_admin"
COMMON = ROOT / "libs/common/src/common"
FOLDERS = ("cli", "core", "replay", "assistant_import", "message_trace", "installation_checks")
SETTINGS = ("service/settings.py", "service/weak_settings.py", "key_ring_file.py", "key_rings.py")
# Which arguments of a call are texts for people; None: all.
CALLS: dict[str, tuple[int, ...] | None] = {
    "say": None,
    "print_change": (0,),
    "print_table": (0,),
    "tell": None,
    "translated": None,
    "refuse": (2, 3),
    "Finding": (2, 3),
    "NotRun": None,
    "PydanticCustomError": (1,),
    "ValueError": None,
    "TextPattern": (1, 2),
    "RingRefused": None,
    "WrongFile": None,
    "Verified": (1,),
}
KEYWORDS = {"help", "message", "fix", "epilog"}
TABLES = {"TITLES", "MESSAGES", "FIXES", "EXPECTED_SQLSTATES"}


Assigned = dict[str, list[ast.expr]]


def texts() -> set[str]:
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in sources()]
    constants = {
        name: values
        for module in modules
        for name, values in assigned(module).items()
        if name.isupper()
    }
    found = {text for module in modules for text in texts_in(module, constants)}
    return {text for text in found | pydantic_texts() if any(map(str.isalpha, text))}


def sources() -> list[Path]:
    own = [path for folder in FOLDERS for path in sorted((PACKAGE / folder).glob("*.py"))]
    return [*own, *(COMMON / name for name in SETTINGS)]


def pydantic_texts() -> set[str]:
    """Of the checks that a wrong field of ours meets."""
    templates = {
        error["type"]: error["message_template_python"]
        for error in list_all_errors()
        if error["type"] in FIXES and error["type"] not in MESSAGES
    }
    return {text[:1].lower() + text[1:] for text in templates.values()}


def assigned(tree: ast.AST) -> Assigned:
    """What names stand for, in any function of the module."""
    found: Assigned = {}
    for node in ast.walk(tree):
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            for target in targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def texts_in(module: ast.Module, constants: Assigned) -> Iterator[str]:
    names = constants | assigned(module)
    for node in ast.walk(module):
        for part in parts_of(node):
            yield from literals(part, names)


def parts_of(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions below a node that make a text for people."""
    if isinstance(node, ast.Call):
        yield from arguments_of(node)
    elif isinstance(node, ast.Dict):  # the context of a PydanticCustomError
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "fix":
                yield value
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if TABLES & {getattr(target, "id", "") for target in targets}:
            yield from getattr(node.value, "values", [node.value])


def arguments_of(call: ast.Call) -> Iterator[ast.expr]:
    places = CALLS.get(getattr(call.func, "id", getattr(call.func, "attr", "")), ())
    for index, argument in enumerate(call.args):
        if places is None or index in places:
            yield argument
    yield from (each.value for each in call.keywords if each.arg in KEYWORDS)


def literals(node: ast.expr, names: Assigned) -> Iterator[str]:
    """Of a text, an f-string, a choice between texts, several of them, or a name of one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield template(node)
    elif isinstance(node, ast.IfExp):
        yield from (*literals(node.body, names), *literals(node.orelse, names))
    elif isinstance(node, ast.BoolOp):
        yield from (text for each in node.values for text in literals(each, names))
    elif isinstance(node, ast.Tuple | ast.List):
        yield from (text for each in node.elts for text in literals(each, names))
    elif isinstance(node, ast.Name):
        yield from (text for each in names.get(node.id, ()) for text in literals(each, {}))


def template(text: ast.JoinedStr) -> str:
    parts, count = "", 0
    for part in text.values:
        if isinstance(part, ast.Constant):
            parts += str(part.value)
        else:
            parts += f"{{{count}}}"
            count += 1
    return parts


def help_texts(command: Any) -> Iterator[str]:
    """Of a Typer command and all below it; what Typer itself says is not here."""
    for text in (command.help, command.epilog):
        if text:
            yield " ".join(inspect.cleandoc(text).split())
    yield from (parameter.help for parameter in command.params if getattr(parameter, "help", None))
    for each in getattr(command, "commands", {}).values():
        yield from help_texts(each)
