"""Whether a webhook is Meta's: HMAC-SHA256 of the exact bytes with an app secret.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started (X-Hub-Signature-256).
"""

import re
from collections.abc import Sequence
from hmac import compare_digest, digest

FORM = re.compile(rb"sha256=[0-9a-f]{64}")


def has_form(signature: bytes) -> bool:
    """Whether it could be one: known before a byte of the body is read."""
    return FORM.fullmatch(signature) is not None


def is_signed(body: bytes, signature: bytes, secrets: Sequence[bytes]) -> bool:
    """`signature` is the header's value, `sha256=` and 64 lower-case hex digits.

    Every active secret is tried to the end, so that timing does not reveal which one fits.
    """
    matches = [compare_digest(expected_signature(body, secret), signature) for secret in secrets]
    return any(matches)


def expected_signature(body: bytes, secret: bytes) -> bytes:
    return b"sha256=" + digest(secret, body, "sha256").hex().encode()


def same_token(given: str, known: str) -> bool:
    return compare_digest(given.encode(), known.encode())
