"""Which fields a change touches, as the audit log shows them: never a secret, nor what people wrote
or who they are, and long values by their hash. Pure."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson
from pydantic import BaseModel

MOST_FIELDS = 64  # of a line; with the next two, a line has 40 KB at most
LONGEST_VALUE = 256  # bytes of JSON
LONGEST_NAME = 128
# Of contacts, or written to them. A name stands for what is inside it too.
PERSONAL = frozenset({"contact_id", "text", "media", "wamid", "wa_id", "conversation"})
# What may hold credentials of others.
OPAQUE = frozenset({"tools", "response_format", "source_raw"})
SECRET_NAME = re.compile(r"token|secret|password|sealed|authorization|api_key")
CREDENTIALS = re.compile(r"://[^/\s]*@")
WITHHELD: dict[str, Any] = {"withheld": True}


class FieldChange(BaseModel):
    """null: not there. A value that is not shown is an object: {"withheld": true} for secrets and
    personal data, {"sha256", "bytes"} of the JSON of what is long."""

    field: str
    before: Any = None
    after: Any = None


def field_changes(before: Any, after: Any) -> list[dict[str, Any]]:
    """Of two JSON objects or None; a FieldChange each, `settings.language` for what is inside."""
    old, new = flat(before), flat(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    changes = [change_of(name, old.get(name), new.get(name)) for name in names[:MOST_FIELDS]]
    if left := len(names) - MOST_FIELDS:
        changes += [{"field": "more fields", "before": None, "after": left}] if left > 0 else []
    return changes


def flat(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, member in (value or {}).items():
        if isinstance(member, Mapping) and name not in PERSONAL | OPAQUE:
            found |= {f"{name}.{inner}": each for inner, each in member.items()}
        else:
            found[name] = member
    return found


def change_of(name: str, before: Any, after: Any) -> dict[str, Any]:
    field = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    return {"field": field, "before": shown(name, before), "after": shown(name, after)}


def shown(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if is_withheld(name, value):
        return WITHHELD
    encoded = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if name in OPAQUE or len(encoded) > LONGEST_VALUE:
        return {"sha256": sha256(encoded).hexdigest(), "bytes": len(encoded)}
    return value


def is_withheld(name: str, value: Any) -> bool:
    if name.partition(".")[0] in PERSONAL:
        return True
    has_text = not isinstance(value, int | float)
    return has_text and bool(SECRET_NAME.search(name) or CREDENTIALS.search(str(value)))
