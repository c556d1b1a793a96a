"""Pieces that routers share: pages, ids, versions in headers, and the documented refusals."""

import re
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Header, Path, Query, Response
from pydantic import BaseModel

from tenant_admin.core.problems import MEDIA_TYPE, Problem, refuse
from tenant_admin.core.schemas import ASSISTANT_ID

T = TypeVar("T")
MAX_INT = 2_147_483_647
MAX_BIGINT = 9_223_372_036_854_775_807


class Page(BaseModel, Generic[T]):
    """At most `limit` items; pass `next` as `after` to get the following ones."""

    items: list[T]
    next: str | None = None


Limit = Annotated[int, Query(ge=1, le=100)]
ClientId = Annotated[int, Path(ge=1, le=MAX_INT)]
AssistantId = Annotated[str, Path(pattern=ASSISTANT_ID)]
AfterNumber = Annotated[int, Query(ge=0, le=MAX_INT, description="`next` of the page before")]
AfterText = Annotated[
    str, Query(max_length=128, pattern=r"^[A-Za-z0-9_.-]*$", description="`next` of the last page")
]


def page_of(items: list[T], limit: int, cursor: str) -> Page[T]:
    """`cursor` names the field that the pages are ordered by."""
    more = len(items) == limit
    return Page(items=items, next=str(getattr(items[-1], cursor)) if more else None)


def if_match(
    header: Annotated[
        str | None, Header(alias="If-Match", description='Version that you read, such as "3"')
    ] = None,
) -> int | None:
    """None: change whatever is there."""
    if header is None or header == "*":
        return None
    found = re.fullmatch(r'"([0-9]{1,9})"', header)
    if not found:
        refuse(422, "If-Match", "is not an ETag of a client", 'send the ETag you got, such as "3"')
    return int(found.group(1))


Expected = Annotated[int | None, Depends(if_match)]


def tagged(response: Response, version: int) -> None:
    response.headers["ETag"] = f'"{version}"'


SAYS = {
    400: "The body cannot be read",
    401: "No key, or not a valid one",
    403: "The key lacks the scope",
    404: "There is no such object",
    409: "Taken, or in use",
    412: "Changed since you read it",
    413: "The body is larger than 8 MiB",
    422: "A field is wrong; `errors` says which and how to mend it",
    429: "Too many wrong keys from this address",
    503: "The database or the key ring is not available",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a router or route."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    content = {MEDIA_TYPE: {"schema": schema}}
    return {status: {"description": SAYS[status], "content": content} for status in statuses}


COMMON = refusals(400, 401, 403, 413, 422, 429, 503)
