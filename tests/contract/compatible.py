"""Which changes of an event's JSON schema break those who read or wrote it before."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
WORDS_ONLY = {"description", "title", "default", "examples"}


def breaks(old: Schema, new: Schema) -> list[str]:
    """One readable line per breaking change; empty when fields were only added, optional ones."""
    return [line for name in ("", *old.get("$defs", {})) for line in model_breaks(name, old, new)]


def model_breaks(name: str, old: Schema, new: Schema) -> Iterator[str]:
    before, now = named_schema(name, old), named_schema(name, new)
    if now is None or before is None:
        yield f"{name} was removed"
        return
    if "properties" not in before:
        if without_words(before) != without_words(now):
            yield f"{name} changed"
        return
    yield from field_breaks(f"{name}." if name else "", before, now)


def field_breaks(where: str, before: Schema, now: Schema) -> Iterator[str]:
    was, is_now = before["properties"], now.get("properties", {})
    needed, needed_now = set(before.get("required", [])), set(now.get("required", []))
    for field in was:
        if field not in is_now:
            yield f"{where}{field} was removed"
        elif without_words(was[field]) != without_words(is_now[field]):
            yield f"{where}{field} changed its type or limits"
        elif (field in needed) != (field in needed_now):
            yield f"{where}{field} {'became' if field in needed_now else 'is no longer'} required"
    for field in sorted(needed_now - set(was)):
        yield f"{where}{field} is new and required"


def named_schema(name: str, schema: Schema) -> Schema | None:
    named: Schema | None = schema.get("$defs", {}).get(name) if name else schema
    return named


def without_words(schema: Any) -> Any:
    """The schema without what only explains it."""
    if isinstance(schema, dict):
        return {key: without_words(value) for key, value in schema.items() if key not in WORDS_ONLY}
    if isinstance(schema, list):
        return [without_words(item) for item in schema]
    return schema
