"""Query parameters: an unknown one is refused, and booleans are written true or false."""

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from tenant_admin.core.field_types import NO_CONTROL
from tenant_admin.core.problems import FieldProblem, RequestRefused

BOOLEANS = {"true": True, "false": False}


def written_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if value not in BOOLEANS:
        raise PydanticCustomError("boolean", "is not a boolean", {"fix": "write true or false"})
    return BOOLEANS[value]


Flag = Annotated[bool, BeforeValidator(written_boolean)]
Text = Annotated[str | None, Query(min_length=1, max_length=256, pattern=NO_CONTROL)]
DryRun = Annotated[Flag, Query(description="Report only; change nothing")]
OnlyActive = Annotated[Flag | None, Query(description="Only those that are active, or are not")]
NamePrefix = Annotated[Text, Query(description="Only names that begin so, in any case")]
Search = Annotated[Text, Query(description="Only those where a name or number holds it")]


def refuse_unknown_parameters(request: Request) -> None:
    """Refused (422): a misspelt filter would list everything. So is one that is given twice."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = {parameter.alias for parameter in route.dependant.query_params}
    given = [name for name, _ in request.query_params.multi_items()]
    problems = [
        FieldProblem(field=name, message="is not a known parameter", fix=known_ones(known))
        for name in dict.fromkeys(given)
        if name not in known
    ] + [
        FieldProblem(field=name, message="is given twice", fix="write it once")
        for name in dict.fromkeys(given)
        if name in known and given.count(name) > 1
    ]
    if problems:
        raise RequestRefused(422, problems)


def known_ones(known: set[str]) -> str:
    if not known:
        return "leave it out: this route has none"
    return f"use one of {', '.join(sorted(known))}"
