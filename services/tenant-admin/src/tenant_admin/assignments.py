"""`key=value` words of the command line as a patch of a client."""

from collections.abc import Iterable
from typing import Any

import orjson

from tenant_admin.forms import ClientPatch, Settings
from tenant_admin.problems import parsed, refuse

COLUMNS = set(ClientPatch.model_fields) - {"settings"}
JSON_STARTS = ("[", "{", '"')


def patch_of(words: Iterable[str]) -> ClientPatch:
    """Raises Refused for a word that is no assignment or names nothing that can be set."""
    fields: dict[str, Any] = {"settings": {}}
    for word in words:
        key, separator, text = word.partition("=")
        if not separator or key not in COLUMNS | set(Settings.model_fields):
            known = ", ".join([*sorted(COLUMNS), *Settings.model_fields])
            refuse(422, key, "is not something to set", f"write key=value with one of {known}")
        if key in COLUMNS:
            fields[key] = text
        else:
            fields["settings"][key] = value_of(key, text)
    return parsed(ClientPatch, fields)


def value_of(key: str, text: str) -> Any:
    """`null` puts the default back; lists are JSON; anything else is the text itself."""
    if text == "null":
        return None
    if not text.startswith(JSON_STARTS):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        refuse(422, f"settings.{key}", "is not valid JSON", """write for example '["STOP"]'""")
