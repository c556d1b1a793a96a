"""Meta's errors: code, title and HTTP status.

Titles and codes: the Cloud API's error-codes page of 2026-09-11. Meta asks to key on the code; the
HTTP status is 400 unless the code is listed in HTTP_STATUS.
"""

from typing import Any
from uuid import uuid4

TITLES = {
    0: "AuthException",
    1: "API Unknown",
    2: "API Service",
    3: "API Method",
    4: "API Too Many Calls",
    10: "Permission Denied",
    33: "Parameter value is not valid",
    100: "Invalid parameter",
    190: "Access token has expired",
    368: "Temporarily blocked for policies violations",
    80007: "Rate limit issues",
    130403: "Business has blocked the user",
    130429: "Rate limit hit",
    130472: "User's number is part of an experiment",
    130497: "Business account is restricted from messaging users in this country",
    131000: "Something went wrong",
    131005: "Access denied",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131021: "Recipient cannot be sender",
    131026: "Message undeliverable",
    131030: "Recipient phone number not in allowed list",
    131031: "Account has been locked",
    131037: "Display name approval needed",
    131042: "Business eligibility payment issue",
    131045: "Message failed to send because of an incorrect certificate",
    131047: "Re-engagement message",
    131048: "Spam rate limit hit",
    131049: "Message not delivered to maintain healthy ecosystem engagement",
    131050: "User has stopped marketing messages",
    131051: "Unsupported message type",
    131052: "Media download error",
    131053: "Media upload error",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    131057: "Account in maintenance mode",
    131062: "Business-scoped user ID recipients are not supported for this message",
    133004: "Server temporarily unavailable",
    133010: "Phone number not registered",
    135000: "Generic user error",
}
HTTP_STATUS = {
    0: 401,
    1: 500,
    2: 503,
    3: 403,
    10: 403,
    190: 401,
    368: 403,
    131000: 500,
    131005: 403,
    131016: 503,
    131031: 403,
    133004: 503,
}


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
