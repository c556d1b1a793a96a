"""Files of exported assistants and prompts, in every shape that people save.

Shapes: one object; an array; a list page of the API ({"object": "list", "data": [...]});
{"assistants": [...]} of redwoodworksco/assistants-api-export; JSON Lines of any of these.
"""

from typing import Any

import orjson

from common.lenient_json import at, storable
from tenant_admin.core.problems import refuse

LISTS = ("data", "assistants")
MAX_DEPTH = 64


def sources_of(raw: bytes) -> list[Any]:
    """The single items of a file. Refused (422) when it is not JSON or JSON Lines."""
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        refuse(422, "file", "is not UTF-8 text", "save it as UTF-8")
    try:
        values = [orjson.loads(text)]
    except orjson.JSONDecodeError:
        values = parse_lines(text)
    try:
        return [storable_json(item) for value in values for item in flatten(value)]
    except RecursionError:
        refuse(422, "file", "is nested too deeply", "import an export as it was written")


def parse_lines(text: str) -> list[Any]:
    values = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                values.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                refuse(422, f"file line {number}", f"is not JSON ({error.msg})", "mend that line")
    if not values:
        refuse(422, "file", "is empty", "import a JSON or JSON Lines file")
    return values


def flatten(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [item for element in value for item in flatten(element)]
    for key in LISTS:
        if isinstance(at(value, key), list):
            return flatten(value[key])
    return [value]


def storable_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """With storable texts, also as names of members. RecursionError below `depth`."""
    if depth == 0:
        raise RecursionError
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [storable_json(element, depth - 1) for element in value]
    if isinstance(value, dict):
        return {storable_json(key): storable_json(each, depth - 1) for key, each in value.items()}
    return value
