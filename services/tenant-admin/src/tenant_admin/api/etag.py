"""A client's version as an ETag, and the version that a change expects (If-Match)."""

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from tenant_admin.core.problems import refuse


def if_match(
    header: Annotated[
        str | None, Header(alias="If-Match", description='Version that you read, such as "3"')
    ] = None,
) -> int | None:
    """None: change whatever is there."""
    if header is None or header == "*":
        return None
    match = re.fullmatch(r'"([0-9]{1,9})"', header)
    if not match:
        refuse(422, "If-Match", "is not an ETag of a client", 'send the ETag you got, such as "3"')
    return int(match.group(1))


ExpectedVersion = Annotated[int | None, Depends(if_match)]


def set_etag(response: Response, version: int) -> None:
    response.headers["ETag"] = f'"{version}"'
