"""Reading JSON that others wrote: a wrong shape is an absent value, never an exception."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

LONGEST_ID = 512
DEEPEST = 32


def at(holder: Any, *path: str) -> Any:
    """The value at the end of the path of object members, or None."""
    for name in path:
        if not isinstance(holder, dict):
            return None
        holder = holder.get(name)
    return holder


def many(holder: Any, name: str) -> list[Any]:
    found = at(holder, name)
    return found if isinstance(found, list) else []


def text(holder: Any, *path: str, longest: int = LONGEST_ID) -> str | None:
    """A text without NUL (PostgreSQL refuses it), cut at `longest` characters; None when empty."""
    found = at(holder, *path)
    if not isinstance(found, str):
        return None
    return found.replace("\x00", "")[:longest] or None


def identifier(holder: Any, *path: str) -> str | None:
    """An id: a cut one would be another's, so one that is too long is none."""
    found = text(holder, *path, longest=LONGEST_ID + 1)
    return found if found and len(found) <= LONGEST_ID else None


def moment(holder: Any, name: str) -> datetime | None:
    """WhatsApp's timestamps are whole seconds since 1970, as text."""
    found = at(holder, name)
    digits = found if isinstance(found, str) else str(found) if isinstance(found, int) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 11):
        return None
    return datetime.fromtimestamp(int(digits), UTC)


def is_shallow(body: bytes, parsed: Any) -> bool:
    """Whether nothing is nested deeper than 32. Few brackets in all make it certain at once."""
    if body.count(b"{") + body.count(b"[") <= DEEPEST:
        return True
    level: list[Any] = [parsed]
    for _ in range(DEEPEST + 1):
        level = [child for holder in level for child in children_of(holder)]
        if not level:
            return True
    return False


def children_of(holder: Any) -> Iterable[Any]:
    if isinstance(holder, dict):
        return holder.values()
    return holder if isinstance(holder, list) else ()
