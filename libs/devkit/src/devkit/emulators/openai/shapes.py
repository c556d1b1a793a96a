"""Shapes of JSON as openai-python types them, checked strictly: no other key, no conversion."""

import re
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, SchemaValidator

from devkit.emulators.openai.refusals import (
    Refused,
    missing,
    unknown,
    wrong_type,
    wrong_value,
)

Check = Callable[[str, Any], None]
EXPECTED = {
    "bool_type": "a boolean",
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a decimal",
    "dict_type": "an object",
    "list_type": "an array of objects",
    "is_instance_of": "an array",
    "sequence_str": "an array",
}
QUOTED = re.compile(r"'([^']*)'")


class Shape:
    """A Check of one type. `optional`: keys that the API lets be absent or null though the types
    require them, such as the id of what was never stored."""

    def __init__(self, of: Any, optional: Set[str] = frozenset()) -> None:
        self._validator = SchemaValidator(eager(TypeAdapter(of).core_schema))
        self._optional = optional

    def __call__(self, param: str, value: Any) -> None:
        """Raises Refused for the first thing that is wrong."""
        try:
            self._validator.validate_python(value, strict=True, extra="forbid")
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False):
                if not self._tolerates(error):
                    raise refusal(param, value, error) from None

    def _tolerates(self, error: ErrorDetails) -> bool:
        absent = error["type"] == "missing" or error["input"] is None
        return absent and len(error["loc"]) == 1 and error["loc"][0] in self._optional


def eager(schema: Any) -> Any:
    """The same with every Iterable read as a list: pydantic would check its items only later."""
    if isinstance(schema, dict):
        listed = {"type": "list"} if schema.get("type") == "generator" else {}
        return {key: eager(inner) for key, inner in schema.items()} | listed
    return [eager(inner) for inner in schema] if isinstance(schema, list) else schema


def shapes_by_type(union: Any, optional: Set[str] = frozenset()) -> dict[str, Shape]:
    """The members of a union of TypedDicts by the value of their key `type`."""
    return {
        tag: Shape(member, optional)
        for member in get_args(union)
        for tag in literals(get_type_hints(member)["type"])
    }


def literals(hint: Any) -> Iterator[str]:
    for argument in get_args(hint):
        yield from (argument,) if isinstance(argument, str) else literals(argument)


def check_by_type(param: str, value: Any, shapes: Mapping[str, Shape]) -> None:
    an_object(param, value)
    require(param, value, "type")
    shape = shapes.get(str(value["type"]))
    if shape is None:
        raise wrong_value(f"{param}.type", value["type"], tuple(shapes))
    shape(param, value)


def require(param: str, value: Mapping[str, Any], key: str) -> None:
    if key not in value:
        raise missing(f"{param}.{key}")


def refusal(param: str, value: Any, error: ErrorDetails) -> Refused:
    """As the API would word it; inside a union of types only the place is named."""
    keys = error["loc"]
    about_a_key = keys[-1:] == ("[key]",)  # of an object whose keys are free
    place, beyond = locate(param, value, keys[:-2] if about_a_key else keys)
    match error["type"], beyond:
        case "missing", [key]:
            return missing(f"{place}.{key}")
        case _, []:
            return refusal_of_value(place, error)
    return Refused("invalid", place)


def locate(param: str, value: Any, keys: tuple[int | str, ...]) -> tuple[str, list[int | str]]:
    """The name of the value that `keys` lead to, and the keys that lead to none."""
    for position, key in enumerate(keys):
        if isinstance(value, list) and isinstance(key, int):
            param, value = f"{param}[{key}]", value[key]
        elif isinstance(value, dict) and key in value:
            param, value = f"{param}.{key}", value[key]
        else:
            return param, list(keys[position:])
    return param, []


def refusal_of_value(param: str, error: ErrorDetails) -> Refused:
    kind, value, bounds = error["type"], error["input"], error.get("ctx", {})
    bound = next((bounds[name] for name in ("ge", "le", "max_length") if name in bounds), 0)
    noun = "decimal" if isinstance(bound, float) else "integer"
    match kind:
        case "extra_forbidden":
            return unknown(param)
        case "literal_error":
            return wrong_value(param, value, tuple(QUOTED.findall(bounds["expected"])))
        case "greater_than_equal":
            return Refused("below_min", param, value=value, bound=bound, noun=noun)
        case "less_than_equal":
            return Refused("above_max", param, value=value, bound=bound, noun=noun)
        case "string_too_long":
            return Refused("too_long", param, length=len(value), bound=bound)
        case "too_long":
            return Refused("too_many_properties", param, length=len(value), bound=bound)
    return wrong_type(param, EXPECTED.get(kind, "another value"), value)


a_string = Shape(str)
an_object = Shape(dict[str, Any])
an_array = Shape(list[Any])
