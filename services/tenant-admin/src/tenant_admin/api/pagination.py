"""Pages of a list, and the query parameters that ask for them."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from tenant_admin.api.parameters import MAX_INT

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """At most `limit` items; pass `next` as `after` to get the following ones."""

    items: list[T]
    next: str | None = None


Limit = Annotated[int, Query(ge=1, le=100)]
AfterNumber = Annotated[int, Query(ge=0, le=MAX_INT, description="`next` of the page before")]
AfterText = Annotated[
    str, Query(max_length=128, pattern=r"^[A-Za-z0-9_.-]*$", description="`next` of the last page")
]


def page_of(items: list[T], limit: int, cursor: str) -> Page[T]:
    """`items`: one more than `limit` where there are more, so that no page is empty. `cursor` names
    the field that the pages are ordered by."""
    shown = items[:limit]
    more = len(items) > limit
    return Page(items=shown, next=str(getattr(shown[-1], cursor)) if more else None)
