"""`key=value` words of the command line as a patch of a client."""

from collections.abc import Iterable
from typing import Any

import orjson

from tenant_admin.core.problems import parsed, refuse
from tenant_admin.core.schemas import ClientPatch, Settings

COLUMNS = set(ClientPatch.model_fields) - {"settings"}
SETTINGS = Settings.model_fields
TEXTS = COLUMNS | {
    name
    for name, schema in Settings.model_json_schema()["properties"].items()
    if any(choice.get("type") == "string" for choice in schema.get("anyOf", [schema]))
}
QUOTE = '"'


def patch_of(words: Iterable[str]) -> ClientPatch:
    """Raises RequestRefused for a word that is not key=value, or whose key cannot be set."""
    given = values_of(words, {*COLUMNS, *SETTINGS})
    fields = {key: value for key, value in given.items() if key in COLUMNS}
    settings = {key: value for key, value in given.items() if key not in COLUMNS}
    for key in fields:
        if fields[key] is None:
            refuse(
                422, key, "has no default", f"""write a value; the text null is '{key}="null"'"""
            )
    return parsed(ClientPatch, {**fields, "settings": settings})


def settings_of(words: Iterable[str]) -> dict[str, Any]:
    """For a new client, whose other fields are arguments."""
    return values_of(words, set(SETTINGS))


def values_of(words: Iterable[str], known: set[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for word in words:
        key, text = split_assignment(word, known)
        if key in values:
            refuse(422, key, "is given twice", "write it once")
        values[key] = value_of(key, text)
    return values


def split_assignment(word: str, known: set[str]) -> tuple[str, str]:
    key, separator, text = word.partition("=")
    if not separator or key not in known:
        fix = f"write key=value with one of {', '.join(sorted(known))}"
        refuse(422, key, "is not something to set", fix)
    return key, text


def value_of(key: str, text: str) -> Any:
    """`null` restores the default. A text needs quotes only to be the text null, or to have them;
    anything else is JSON."""
    if text == "null":
        return None
    if key in TEXTS and not text.startswith(QUOTE):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return refuse_json(key, text)


def refuse_json(key: str, text: str) -> str:
    """A word where a number belongs is named by the setting's own check."""
    if text.startswith(("[", "{", QUOTE)):
        field = key if key in COLUMNS else f"settings.{key}"
        refuse(422, field, "is not valid JSON", """write for example '["STOP"]'""")
    return text
