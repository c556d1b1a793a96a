"""Meta's errors: code, title and HTTP status, from errors.toml.

Meta asks to key on the code.
"""

import tomllib
from pathlib import Path
from typing import Any
from uuid import uuid4

DATA = tomllib.loads(Path(__file__).with_name("errors.toml").read_text(encoding="utf-8"))
TITLES: dict[int, str] = {int(code): title for code, title in DATA["titles"].items()}
HTTP_STATUS: dict[int, int] = {int(code): http for code, http in DATA["http_status"].items()}


class GraphError(Exception):
    """The Graph API says no. `subcode` 33 marks an object that does not exist or is not yours."""

    def __init__(self, code: int, details: str, subcode: int | None = None) -> None:
        super().__init__(details)
        self.code, self.details, self.subcode = code, details, subcode

    @property
    def http_status(self) -> int:
        return HTTP_STATUS.get(self.code, 400)

    def body(self) -> dict[str, Any]:
        """The JSON that Meta answers with."""
        described = describe(self.code, self.details)
        if self.subcode is not None:
            described |= {"type": "GraphMethodException", "error_subcode": self.subcode}
        return {"error": described | {"fbtrace_id": "A" + uuid4().hex[:22]}}


def title(code: int) -> str:
    return TITLES.get(code, "Unknown error")


def describe(code: int, details: str) -> dict[str, Any]:
    """Codes of the platform tell more in error_data; the Graph API's own in message."""
    if code in {100, 190, 2500}:
        prefix = "(#100) " if code == 100 else ""
        return {"message": prefix + details, "type": "OAuthException", "code": code}
    return {
        "message": f"(#{code}) {title(code)}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": details or title(code)},
    }


def no_such_object(object_id: str) -> GraphError:
    details = (
        f"Unsupported post request. Object with ID '{object_id}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation."
    )
    return GraphError(100, details, subcode=33)
