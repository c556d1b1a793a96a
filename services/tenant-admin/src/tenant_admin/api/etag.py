"""The ETag of a client or an assistant, and the one that a change must name (If-Match)."""

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from tenant_admin.core.problems import refuse

IF_MATCH = "If-Match"
TAG = re.compile(r'(?:W/)?"([0-9]{1,18})"')
LONGEST = 64
# As the document shows it: without it the answer is 428, not FastAPI's 422.
IF_MATCH_PARAMETER = {
    "required": True,
    "schema": {
        "type": "string",
        "maxLength": LONGEST,
        "pattern": r'^(\*|(W/)?"[0-9]{1,18}")$',
    },
}
READ_FIRST = (
    'read the object and send the ETag that you got, such as "3"; * changes whatever is there'
)


def if_match(
    header: Annotated[
        str | None,
        Header(
            alias=IF_MATCH,
            max_length=LONGEST,
            description="The ETag of what you read, or * for whatever is there",
        ),
    ] = None,
) -> int | None:
    """None: change whatever is there. A proxy that compresses makes an ETag weak (W/)."""
    if header is None:
        refuse(428, IF_MATCH, "is missing", READ_FIRST)
    if header.strip() == "*":
        return None
    match = TAG.fullmatch(header.strip())
    if not match:
        refuse(422, IF_MATCH, "is not an ETag of this API", READ_FIRST)
    return int(match.group(1))


Expected = Annotated[int | None, Depends(if_match)]


def set_etag(response: Response, tag: int) -> None:
    response.headers["ETag"] = f'"{tag}"'
