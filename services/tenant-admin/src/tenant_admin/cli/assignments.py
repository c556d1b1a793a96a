"""`key=value` words of the command line as a patch of a client."""

from collections.abc import Iterable
from typing import Any

import orjson

from tenant_admin.core.problems import parsed, refuse
from tenant_admin.core.schemas import ClientPatch, Settings

COLUMNS = set(ClientPatch.model_fields) - {"settings"}
SETTINGS = Settings.model_fields
JSON_STARTS = ("[", "{", '"')


def patch_of(words: Iterable[str]) -> ClientPatch:
    """Raises RequestRefused for a word that is not key=value, or whose key cannot be set."""
    pairs = [split_assignment(word, {*COLUMNS, *SETTINGS}) for word in words]
    fields = {key: text for key, text in pairs if key in COLUMNS}
    settings = {key: value_of(key, text) for key, text in pairs if key not in COLUMNS}
    return parsed(ClientPatch, {**fields, "settings": settings})


def settings_of(words: Iterable[str]) -> dict[str, Any]:
    """For a new client, whose other fields are arguments."""
    pairs = [split_assignment(word, set(SETTINGS)) for word in words]
    return {key: value_of(key, text) for key, text in pairs}


def split_assignment(word: str, known: set[str]) -> tuple[str, str]:
    key, separator, text = word.partition("=")
    if not separator or key not in known:
        fix = f"write key=value with one of {', '.join(sorted(known))}"
        refuse(422, key, "is not something to set", fix)
    return key, text


def value_of(key: str, text: str) -> Any:
    """`null` restores the default; lists are JSON; anything else is the text itself."""
    if text == "null":
        return None
    if not text.startswith(JSON_STARTS):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        refuse(422, f"settings.{key}", "is not valid JSON", """write for example '["STOP"]'""")
