"""The header Idempotency-Key of requests that make something."""

from typing import Annotated

from fastapi import Depends, Header, Request

from tenant_admin.core.idempotency import IdempotencyKey, idempotency_key

Given = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]*$",
        description="Any text of yours. Sent again with it within a day, the same request is done"
        " once and gets the same answer",
    ),
]


async def key_of(request: Request, given: Given = None) -> IdempotencyKey | None:
    if given is None:
        return None
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return idempotency_key(given, request.headers.get("Authorization", ""), asked)


Repeatable = Annotated[IdempotencyKey | None, Depends(key_of)]
