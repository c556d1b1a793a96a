"""Whatever the API takes in is bounded. Its document is walked, so that a new field counts."""

from collections.abc import Iterator
from typing import Any

import pytest

from tenant_admin.api.docs_page import operations
from tenant_admin.api.document import openapi

DOCUMENT = openapi()
SCHEMAS = DOCUMENT["components"]["schemas"]
NUMBERS = ("integer", "number")
BOUNDED_TEXTS = {"maxLength", "enum", "format", "const"}


def taken_schemas() -> Iterator[tuple[str, Any]]:
    """Of parameters and bodies, with a name for the place."""
    for method, path, operation in operations(DOCUMENT):
        place = f"{method} {path}"
        for parameter in operation.get("parameters", []):
            yield f"{place} {parameter['name']}", parameter["schema"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield place, content["schema"]


def unbounded(schema: Any, place: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rsplit("/", 1)[-1]]
    for choice in schema.get("anyOf", []):
        yield from unbounded(choice, place)
    kind = schema.get("type")
    if kind == "string" and not BOUNDED_TEXTS & schema.keys():
        yield f"{place}: a text without maxLength"
    if kind in NUMBERS and not {"maximum", "enum"} & schema.keys():
        yield f"{place}: a number without maximum"
    if kind == "array" and "maxItems" not in schema:
        yield f"{place}: a list without maxItems"
    if "items" in schema:
        yield from unbounded(schema["items"], f"{place}[]")
    for name, member in schema.get("properties", {}).items():
        yield from unbounded(member, f"{place}.{name}")


def test_no_text_list_or_number_that_is_taken_in_is_without_a_bound() -> None:
    found = [line for place, schema in taken_schemas() for line in unbounded(schema, place)]
    assert found == []


def test_no_object_that_is_taken_in_has_unknown_members() -> None:
    names = {name for _, schema in taken_schemas() for name in named_in(schema)}
    assert {"NewClient", "ClientPatch", "SettingsPatch", "Settings", "Opening"} <= names
    assert [name for name in names if SCHEMAS[name].get("additionalProperties") is not False] == []


def named_in(schema: Any) -> Iterator[str]:
    """The names of the schemas that it refers to, and of theirs."""
    if isinstance(schema, list):
        for each in schema:
            yield from named_in(each)
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                name = value.rsplit("/", 1)[-1]
                yield name
                yield from named_in(SCHEMAS[name])
            else:
                yield from named_in(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a$"},
        {"type": "array", "maxItems": 1, "items": {"type": "string"}},
        {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 1}]},
        {"properties": {"a": {"type": "array", "items": {}}}},
    ],
)
def test_a_missing_bound_would_be_found(schema: Any) -> None:
    assert len(list(unbounded(schema, "here"))) == 1
