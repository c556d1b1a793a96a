"""The events' wire format is frozen: additions only, old consumers and old records go on working.

After adding an optional field: `python -m tests.contract.freeze`, and commit what it writes.
"""

import copy
import json
from collections.abc import Callable

import jsonschema
import pytest
from tests.contract.compatible import Schema, breaks
from tests.contract.freeze import EVENTS, FOLDER, current, examples, frozen
from tests.support.builders import a_message

from common.events import Event, Undecodable

every_event = pytest.mark.parametrize("name", EVENTS)


@every_event
def test_a_schema_changed_by_additions_only_and_is_frozen(name: str) -> None:
    was, now = frozen(name), current(EVENTS[name])
    assert was is not None, f"{name} has no frozen schema: python -m tests.contract.freeze"
    assert breaks(was, now) == [], "make it a V2 beside the event"
    assert was == now, f"{name} was extended: python -m tests.contract.freeze"


def example(name: str) -> bytes:
    return (FOLDER / "examples" / f"{name}.json").read_bytes()


@every_event
def test_the_example_is_valid_and_fills_every_field(name: str) -> None:
    values = json.loads(example(name))
    jsonschema.validate(values, current(EVENTS[name]), jsonschema.Draft202012Validator)
    assert set(values) == set(EVENTS[name].model_fields)
    assert json.loads(EVENTS[name].decode(example(name)).encode()) == values
    assert EVENTS[name].decode(example(name)) == examples()[name]


@every_event
def test_the_required_fields_are_enough(name: str) -> None:
    required = current(EVENTS[name])["required"]
    values = {key: value for key, value in json.loads(example(name)).items() if key in required}
    assert isinstance(EVENTS[name].decode(json.dumps(values).encode()), Event)


@every_event
def test_unknown_fields_are_ignored_and_another_major_is_refused(name: str) -> None:
    values = json.loads(example(name))
    extended = EVENTS[name].decode(json.dumps(values | {"new_field": {"a": 1}}).encode())
    assert extended == examples()[name]
    with pytest.raises(Undecodable, match="schema_version: 2 is not 1"):
        EVENTS[name].decode(json.dumps(values | {"schema_version": 2}).encode())


@pytest.mark.parametrize(
    "value",
    [None, b"", b"CANARY", b"[]", b'"CANARY"', b"\xff\xfe", b'{"text": "CANARY"}', b"[" * 100_000],
)
def test_what_is_no_event_is_refused_without_quoting_it(value: bytes | None) -> None:
    with pytest.raises(Undecodable) as caught:
        type(a_message()).decode(value)
    assert "CANARY" not in str(caught.value)
    assert len(str(caught.value)) < 500


def remove(schema: Schema) -> None:
    del schema["properties"]["text"]
    schema["required"].remove("text")


def rename(schema: Schema) -> None:
    schema["properties"]["body"] = schema["properties"].pop("text")
    schema["required"] = ["body" if name == "text" else name for name in schema["required"]]


def retype(schema: Schema) -> None:
    schema["properties"]["text"]["type"] = "integer"


def narrow(schema: Schema) -> None:
    schema["properties"]["text"]["maxLength"] = 10


def require_old(schema: Schema) -> None:
    schema["required"].append("wa_id")


def require_new(schema: Schema) -> None:
    schema["properties"]["extra"] = {"type": "string"}
    schema["required"].append("extra")


def relax(schema: Schema) -> None:
    schema["required"].remove("text")


def add_optional(schema: Schema) -> None:
    schema["properties"]["extra"] = {"type": "string", "default": ""}
    schema["properties"]["text"]["description"] = "Other words"


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (remove, ["text was removed"]),
        (rename, ["text was removed", "body is new and required"]),
        (retype, ["text changed its type or limits"]),
        (narrow, ["text changed its type or limits"]),
        (require_old, ["wa_id became required"]),
        (require_new, ["extra is new and required"]),
        (relax, ["text is no longer required"]),
        (add_optional, []),
    ],
)
def test_each_kind_of_breaking_change_is_named(
    change: Callable[[Schema], None], lines: list[str]
) -> None:
    old = current(type(a_message()))
    new = copy.deepcopy(old)
    change(new)
    assert breaks(old, new) == lines


def test_a_change_inside_a_nested_model_is_named() -> None:
    old = current(EVENTS["TenantConfig"])
    new = copy.deepcopy(old)
    del new["$defs"]["OpeningHours"]["properties"]["opens"]
    new["$defs"]["OpeningHours"]["required"].remove("opens")
    assert breaks(old, new) == ["OpeningHours.opens was removed"]
