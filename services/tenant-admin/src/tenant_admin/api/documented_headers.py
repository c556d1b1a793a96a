"""The headers of the answers, in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from tenant_admin.api.etag import IF_MATCH, IF_MATCH_PARAMETER

Json = dict[str, Any]
HEADERS: Mapping[str, str] = {
    "X-Request-Id": "The request's, or a new one; it stands in the log and the audit log",
    "ETag": "What the next change sends as If-Match",
    "Location": "Where the new object is",
    "Retry-After": "Seconds to wait before it is repeated",
    "WWW-Authenticate": "Bearer",
}
OF_PROBLEMS = {"401": ["WWW-Authenticate"], "429": ["Retry-After"], "503": ["Retry-After"]}
# Operations whose answer is a client or an assistant as it is now.
WITH_ETAG = {
    "add_client",
    "read_client",
    "change_client",
    "activate_client",
    "deactivate_client",
    "put_secret",
    "remove_secret",
    "add_assistant",
    "read_assistant",
    "add_version",
    "publish_version",
}
WITH_LOCATION = {"add_client", "add_assistant", "add_version"}


def document_headers(document: Json) -> None:
    """Adds them to each answer."""
    document["components"]["headers"] = {
        name: {"description": description, "schema": {"type": "string"}}
        for name, description in HEADERS.items()
    }
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == IF_MATCH:
                    parameter |= IF_MATCH_PARAMETER
            for status, answer in operation["responses"].items():
                names = headers_of(operation["operationId"], status)
                answer["headers"] = {
                    name: {"$ref": f"#/components/headers/{name}"} for name in names
                }


def headers_of(operation_id: str, status: str) -> list[str]:
    names = ["X-Request-Id", *OF_PROBLEMS.get(status, [])]
    if status.startswith("2"):
        names += ["ETag"] * (operation_id in WITH_ETAG)
        names += ["Location"] * (operation_id in WITH_LOCATION)
    return names
