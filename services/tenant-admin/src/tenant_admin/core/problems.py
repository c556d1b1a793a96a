"""What was refused and how to fix it: RFC 9457 for HTTP, one line per field for the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One wrong field: what is wrong, and what would be right."""

    model_config = ConfigDict(frozen=True)

    field: str
    message: str
    fix: str

    def line(self) -> str:
        return f"{self.field}: {self.message}; {self.fix}"


class Problem(BaseModel):
    """The body of every error answer (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()
    request_id: str | None = None


class RequestRefused(Exception):
    """Nothing was changed. `status` is the HTTP status that says so."""

    def __init__(self, status: int, errors: Iterable[FieldProblem]) -> None:
        self.status = status
        self.errors = tuple(errors)
        super().__init__("; ".join(error.line() for error in self.errors))

    def problem(self, request_id: str | None = None) -> Problem:
        return Problem(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=str(self),
            errors=self.errors,
            request_id=request_id,
        )


def refuse(status: int, field: str, message: str, fix: str) -> NoReturn:
    raise RequestRefused(status, [FieldProblem(field=field, message=message, fix=fix)])


def refusal_of(error: ValidationError, where: str = "") -> RequestRefused:
    """A pydantic error as a refusal; `where` is put before the field names."""
    return RequestRefused(422, field_problems(error.errors(include_url=False), where))


def field_problems(errors: Sequence[ErrorDetails], where: str = "") -> list[FieldProblem]:
    return [
        FieldProblem(
            field=field_name(error["loc"], where), message=message_of(error), fix=fix_of(error)
        )
        for error in errors
    ]


def field_name(loc: Sequence[int | str], where: str) -> str:
    parts = [where, *(str(part) for part in loc if part not in ("body", "query", "path"))]
    return ".".join(part for part in parts if part) or "body"


def message_of(error: ErrorDetails) -> str:
    if error["type"] in MESSAGES:
        return MESSAGES[error["type"]]
    message = error["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


MESSAGES = {"missing": "is missing", "extra_forbidden": "is not a known field"}
FIXES = {
    "missing": "add it",
    "extra_forbidden": "remove it, or check its spelling",
    "json_invalid": "send valid JSON with Content-Type: application/json",
    "string_too_short": "write at least {min_length} character(s)",
    "too_long": "give at most {max_length}",
    "string_too_long": "write at most {max_length} characters",
    "string_pattern_mismatch": "write a value that matches {pattern}",
    "literal_error": "use one of {expected}",
    "greater_than_equal": "use {ge} or more",
    "less_than_equal": "use {le} or less",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "bool_type": "write true or false",
    "float_type": "write a number",
    "model_type": "write an object",
    "int_type": "write a whole number",
    "float_parsing": "write a number",
    "bool_parsing": "write true or false",
    "string_type": "write a text in quotes",
    "tuple_type": "write a list",
    "list_type": "write a list",
    "dict_type": "write an object",
    "model_attributes_type": "send a JSON object with Content-Type: application/json",
    "datetime_from_date_parsing": "write a moment such as 2027-01-31T00:00:00Z",
    "timezone_aware": "add the offset, for example Z",
}


def fix_of(error: ErrorDetails) -> str:
    """From the check's own context, else the fix for errors of this type."""
    context: Mapping[str, Any] = error.get("ctx", {})
    pattern = str(context.get("fix") or FIXES.get(error["type"], "see /docs for what is allowed"))
    return pattern.format_map(context) if "fix" not in context else pattern


F = TypeVar("F", bound=BaseModel)


def parsed(form: type[F], fields: Mapping[str, Any]) -> F:
    """The form, or Refused with every wrong field."""
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        raise refusal_of(error) from None
