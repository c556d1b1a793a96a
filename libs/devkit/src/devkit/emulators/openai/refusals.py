"""The ways the real API says no: HTTP status and `{error: {message, type, param, code}}`."""

from typing import Any


class Refused(Exception):
    """A request that the real API would not serve. Raised by validators, answered by the app."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": kind, "param": param, "code": code}

    def body(self) -> dict[str, Any]:
        return {"error": self.error}


def missing(param: str) -> Refused:
    return Refused(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def unknown(param: str) -> Refused:
    return Refused(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def wrong_type(param: str, expected: str, value: object) -> Refused:
    return Refused(
        f"Invalid type for '{param}': expected {expected}, but got {json_type(value)} instead.",
        param=param,
        code="invalid_type",
    )


def wrong_value(param: str, value: object, supported: tuple[str, ...]) -> Refused:
    listed = ", ".join(f"'{value}'" for value in supported)
    return Refused(
        f"Invalid value: '{value}'. Supported values are: {listed}.",
        param=param,
        code="invalid_value",
    )


def out_of_range(param: str, value: float, *, side: str, bound: float) -> Refused:
    """`side` is below_min or above_max; a bound that is a float is one of decimals."""
    noun = "decimal" if isinstance(bound, float) else "integer"
    word, sign = ("below minimum", ">=") if side == "below_min" else ("above maximum", "<=")
    return Refused(
        f"Invalid '{param}': {noun} {word} value. "
        f"Expected a value {sign} {bound:g}, but got {value} instead.",
        param=param,
        code=f"{noun}_{side}_value",
    )


def too_long(param: str, length: int, bound: int) -> Refused:
    return Refused(
        f"Invalid '{param}': string too long. Expected a string with maximum length {bound}, "
        f"but got a string with length {length} instead.",
        param=param,
        code="string_above_max_length",
    )


def too_many_properties(param: str, count: int, bound: int) -> Refused:
    return Refused(
        f"Invalid '{param}': too many properties. Expected an object with at most {bound} "
        f"properties, but got an object with {count} properties instead.",
        param=param,
        code="object_above_max_properties",
    )


def unsupported(param: str) -> Refused:
    return Refused(
        f"Unsupported parameter: '{param}' is not supported with this model.", param=param
    )


def json_type(value: object) -> str:
    """The word the API uses for a JSON value's type, article included."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {int: "an integer", float: "a decimal", str: "a string", list: "an array"}
    return names.get(type(value), "an object")
