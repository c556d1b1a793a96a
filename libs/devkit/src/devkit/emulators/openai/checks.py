"""Small checks of JSON values; each takes (parameter name, value) and raises Refused."""

from collections.abc import Callable, Collection
from typing import Any

from devkit.emulators.openai.refusals import (
    missing,
    out_of_range,
    too_long,
    unknown,
    wrong_type,
    wrong_value,
)

Check = Callable[[str, Any], None]


def nothing(param: str, value: Any) -> None:
    """Anything goes: a parameter the emulator takes and does not act on."""


def nullable(check: Check) -> Check:
    def checked(param: str, value: Any) -> None:
        if value is not None:
            check(param, value)

    return checked


def boolean(param: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise wrong_type(param, "a boolean", value)


def string(param: str, value: Any) -> None:
    if not isinstance(value, str):
        raise wrong_type(param, "a string", value)


def an_object(param: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)


def an_array(param: str, value: Any) -> None:
    if not isinstance(value, list):
        raise wrong_type(param, "an array of objects", value)


def string_up_to(bound: int) -> Check:
    def checked(param: str, value: Any) -> None:
        string(param, value)
        if len(value) > bound:
            raise too_long(param, len(value), bound)

    return checked


def integer(low: int, high: int | None = None) -> Check:
    def checked(param: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(param, "an integer", value)
        if value < low:
            raise out_of_range(param, value, side="below_min", bound=low, noun="integer")
        if high is not None and value > high:
            raise out_of_range(param, value, side="above_max", bound=high, noun="integer")

    return checked


def decimal(low: float, high: float) -> Check:
    def checked(param: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(param, "a decimal", value)
        if value < low:
            raise out_of_range(param, value, side="below_min", bound=low, noun="decimal")
        if value > high:
            raise out_of_range(param, value, side="above_max", bound=high, noun="decimal")

    return checked


def one_of(*supported: str) -> Check:
    def checked(param: str, value: Any) -> None:
        if value not in supported:
            raise wrong_value(param, value, supported)

    return checked


def shape(required: dict[str, Check], optional: dict[str, Check]) -> Check:
    """An object with exactly these keys."""
    known = required | optional

    def checked(param: str, value: Any) -> None:
        an_object(param, value)
        require(param, value, required)
        for key, inner in value.items():
            if key not in known:
                raise unknown(f"{param}.{key}")
            known[key](f"{param}.{key}", inner)

    return checked


def require(param: str, value: dict[str, Any], keys: Collection[str]) -> None:
    for key in keys:
        if key not in value:
            raise missing(f"{param}.{key}")
