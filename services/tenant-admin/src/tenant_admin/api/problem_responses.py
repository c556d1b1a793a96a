"""Error answers: how they are documented, and how a problem is sent."""

import json
from typing import Any

from fastapi.responses import Response

from tenant_admin.core.problems import MEDIA_TYPE, Problem

DESCRIPTIONS = {
    400: "The body cannot be read",
    401: "No key, or not a valid one",
    403: "The key lacks the scope, or is of some clients only",
    404: "There is no such object, or it is of a client that is not the key's",
    409: "Taken, or in use",
    412: "Changed since you read it",
    413: "The body is larger than 512 KiB; 2 MiB for an assistant, 8 in an import, 16 of a file",
    422: "A field is wrong; `errors` says which and how to mend it",
    428: "If-Match is missing",
    429: "Too many wrong keys from this address",
    500: "Failed unexpectedly; report it with the request id",
    502: "WhatsApp refused the file or the token",
    503: "The database or the key ring is not available, or WhatsApp",
}
RETRY_SECONDS = {429: "60", 503: "5"}


def documented_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a router or route."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    content = {MEDIA_TYPE: {"schema": schema}}
    return {
        status: {"description": DESCRIPTIONS[status], "content": content} for status in statuses
    }


COMMON_PROBLEMS = documented_problems(400, 401, 403, 413, 422, 429, 500, 503)


def to_response(problem: Problem) -> Response:
    """ASCII JSON, not orjson: an echo of broken Unicode must not break the answer too."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    if problem.status in RETRY_SECONDS:
        headers["Retry-After"] = RETRY_SECONDS[problem.status]
    body = json.dumps(problem.model_dump(mode="json", exclude_none=True))
    return Response(body, problem.status, headers, MEDIA_TYPE)
