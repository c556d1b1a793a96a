"""The ways the real API says no: HTTP status and `{error: {message, type, param, code}}`.

The words are in refusals.toml.
"""

import tomllib
from pathlib import Path
from typing import Any

WORDS: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("refusals.toml").read_text(encoding="utf-8")
)


class Refused(Exception):
    """A request that the real API would not serve. Raised by validators, answered by the app.

    `why` is a table of refusals.toml, `facts` fill its message and its code.
    """

    def __init__(self, why: str, /, param: str | None = None, **facts: object) -> None:
        words = WORDS[why]
        message = words["message"].format(param=param, **facts)
        super().__init__(message)
        self.status: int = words.get("status", 400)
        code = words["code"].format(**facts) if "code" in words else None
        kind = words.get("type", "invalid_request_error")
        self.error = {"message": message, "type": kind, "param": param, "code": code}

    def body(self) -> dict[str, Any]:
        return {"error": self.error}


def missing(param: str) -> Refused:
    return Refused("missing", param)


def unknown(param: str) -> Refused:
    return Refused("unknown", param)


def wrong_type(param: str, expected: str, value: object) -> Refused:
    return Refused("wrong_type", param, expected=expected, actual=json_type(value))


def wrong_value(param: str, value: object, supported: tuple[str, ...]) -> Refused:
    return Refused("wrong_value", param, value=value, supported=listed(supported))


def listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def json_type(value: object) -> str:
    """The word the API uses for a JSON value's type, article included."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {int: "an integer", float: "a decimal", str: "a string", list: "an array"}
    return names.get(type(value), "an object")
