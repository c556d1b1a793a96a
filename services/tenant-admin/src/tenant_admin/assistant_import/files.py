"""Exports of assistants and prompts, in whatever shape people saved them.

Shapes: one object; an array; a list page of the API ({"object": "list", "data": [...]});
{"assistants": [...]} of redwoodworksco/assistants-api-export; JSON Lines of any of these.
"""

from typing import Any

import orjson

from tenant_admin.core.problems import refuse

LISTS = ("data", "assistants")
DEPTH = 64


def sources_of(raw: bytes) -> list[Any]:
    """The single items of a file. Refused (422) when it is not JSON or JSON Lines."""
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        refuse(422, "file", "is not UTF-8 text", "save it as UTF-8")
    try:
        values = [orjson.loads(text)]
    except orjson.JSONDecodeError:
        values = lines_of(text)
    try:
        return [storable(item) for value in values for item in flat(value)]
    except RecursionError:
        refuse(422, "file", "is nested too deeply", "import an export as it was written")


def lines_of(text: str) -> list[Any]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                found.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                refuse(422, f"file line {number}", f"is not JSON ({error.msg})", "mend that line")
    if not found:
        refuse(422, "file", "is empty", "import a JSON or JSON Lines file")
    return found


def flat(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [item for one in value for item in flat(one)]
    if isinstance(value, dict):
        for key in LISTS:
            if isinstance(value.get(key), list):
                return flat(value[key])
    return [value]


def storable(value: Any, room: int = DEPTH) -> Any:
    """Without zero bytes, which PostgreSQL's jsonb refuses. RecursionError beyond `room` levels."""
    if room == 0:
        raise RecursionError
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [storable(one, room - 1) for one in value]
    if isinstance(value, dict):
        return {storable(key): storable(one, room - 1) for key, one in value.items()}
    return value
