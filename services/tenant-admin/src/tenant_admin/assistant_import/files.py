"""Files of exported assistants and prompts, in every shape that people save.

Shapes: one object; an array; a list page of the API ({"object": "list", "data": [...]});
{"assistants": [...]} of redwoodworksco/assistants-api-export; JSON Lines of any of these.
"""

from collections.abc import Iterator
from io import StringIO
from itertools import islice
from typing import Any, NoReturn

import orjson

from common.lenient_json import at, storable
from tenant_admin.core.problems import refuse

LISTS = ("data", "assistants")
MAX_DEPTH = 64
MAX_ITEMS = 500
# Of 8 MiB of JSON that is nothing but brackets, Python would make 200 MiB.
MAX_VALUES = 400_000


def sources_of(raw: bytes) -> list[Any]:
    """The single items of a file, at most MAX_ITEMS. Takes long: not for an event loop.

    Refused (422) when it is not JSON or JSON Lines, or too large.
    """
    if sum(raw.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
        refuse_size("holds too many values")
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        refuse(422, "file", "is not UTF-8 text", "save it as UTF-8")
    try:
        items = (item for value in values_of(text) for item in flatten(value))
        sources = [storable_json(item) for item in islice(items, MAX_ITEMS + 1)]
    except RecursionError:
        refuse(422, "file", "is nested too deeply", "import an export as it was written")
    if len(sources) > MAX_ITEMS:
        refuse_size(f"holds more than {MAX_ITEMS} assistants, too many at once")
    return sources


def refuse_size(what: str) -> NoReturn:
    refuse(422, "file", what, f"send at most {MAX_ITEMS} assistants at once")


def values_of(text: str) -> Iterator[Any]:
    """The value, or those of the lines."""
    if not text:
        refuse(422, "file", "is empty", "import a JSON or JSON Lines file")
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield from values_of_lines(text)
    else:
        yield whole


def values_of_lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(StringIO(text), start=1):
        if line.strip():
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as error:
                refuse(422, f"file line {number}", f"is not JSON ({error.msg})", "mend that line")


def flatten(value: Any) -> Iterator[Any]:
    for key in LISTS:
        if isinstance(at(value, key), list):
            value = value[key]
    if not isinstance(value, list):
        yield value
        return
    for element in value:
        yield from flatten(element)


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
