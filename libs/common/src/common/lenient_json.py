"""Reading JSON that others wrote: a wrong shape is an absent value, never an exception."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

LONGEST_ID = 512
DEEPEST = 32


def parse_json(body: bytes) -> Any:
    """The value, or None for what is no JSON. Half an emoji costs its own place only: the standard
    library reads it, orjson does not. See `storable`."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body, parse_constant=refuse_constant) if b"\\u" in body else None
    except (ValueError, RecursionError):
        return None


def refuse_constant(name: str) -> None:
    """NaN and the like are no JSON."""
    raise ValueError(name)


def at(holder: Any, *path: str) -> Any:
    """The value at the end of the path of object members, or None."""
    for name in path:
        if not isinstance(holder, dict):
            return None
        holder = holder.get(name)
    return holder


def list_at(holder: Any, *path: str) -> list[Any]:
    """The list at the end of the path; [] for anything else."""
    value = at(holder, *path)
    return value if isinstance(value, list) else []


def objects_at(holder: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of that list; what is no object is left out."""
    return [item for item in list_at(holder, *path) if isinstance(item, dict)]


def object_at(holder: Any, *path: str) -> dict[str, Any]:
    """The object at the end of the path; {} for anything else."""
    value = at(holder, *path)
    return value if isinstance(value, dict) else {}


def storable(text: str) -> str:
    """Without what PostgreSQL or UTF-8 cannot hold: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def text_at(holder: Any, *path: str, longest: int = LONGEST_ID) -> str | None:
    """A storable text, cut at `longest` characters; None when empty."""
    value = at(holder, *path)
    return storable(value)[:longest] or None if isinstance(value, str) else None


def identifier_at(holder: Any, *path: str) -> str | None:
    """An id. A cut id would name something else, so one that is too long is absent."""
    value = text_at(holder, *path, longest=LONGEST_ID + 1)
    return value if value and len(value) <= LONGEST_ID else None


def integer_at(holder: Any, *path: str) -> int | None:
    """JSON's true and false are no numbers."""
    value = at(holder, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def timestamp_at(holder: Any, *path: str) -> datetime | None:
    """WhatsApp's timestamps: whole seconds since 1970, as text or number."""
    value = at(holder, *path)
    digits = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 11):
        return None
    return datetime.fromtimestamp(int(digits), UTC)


def is_shallow(body: bytes, parsed: Any) -> bool:
    """Whether nothing is nested deeper than 32. Few brackets in all make it certain at once."""
    if body.count(b"{") + body.count(b"[") <= DEEPEST:
        return True
    level: list[Any] = [parsed]
    for _ in range(DEEPEST + 1):
        level = [child for holder in level for child in children(holder)]
        if not level:
            return True
    return False


def children(holder: Any) -> Iterable[Any]:
    if isinstance(holder, dict):
        return holder.values()
    return holder if isinstance(holder, list) else ()
