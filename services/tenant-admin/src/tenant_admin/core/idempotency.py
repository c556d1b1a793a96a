"""A request that makes something, sent again with its Idempotency-Key: done once, answered alike.

What is stored of it is of no use without the API key that it came with: the answer may hold a new
key, and is sealed with both.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple, TypeVar

import sqlalchemy as sa
from cryptography.fernet import Fernet
from pydantic import TypeAdapter
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from tenant_admin.core.changes import Change, ChangeContext, UseCase
from tenant_admin.core.problems import refuse
from tenant_admin.core.tables import idempotent_request

T = TypeVar("T")
KEPT_DAYS = 1


class IdempotencyKey(NamedTuple):
    """id: of the key as this caller's. request_hash: of what was asked for with it."""

    id: str
    request_hash: str
    sealing: Fernet


def idempotency_key(key: str, credentials: str, request: bytes) -> IdempotencyKey:
    """request: method, path and body."""
    caller = credentials.encode()
    secret = hmac.digest(caller, b"answer:" + key.encode(), "sha256")
    return IdempotencyKey(
        hmac.new(caller, b"id:" + key.encode(), "sha256").hexdigest(),
        sha256(request).hexdigest(),
        Fernet(urlsafe_b64encode(secret)),
    )


def apply_once(
    connection: Connection,
    context: ChangeContext,
    use_case: UseCase[T],
    key: IdempotencyKey,
    answer: TypeAdapter[T],
) -> Change[T]:
    """The stored result where there is one. Refused (422) when it answered another request.

    A second request at the same time waits for the first. What was refused is not stored.
    """
    stored = claim(connection, context, key)
    if stored is not None:
        return Change(answer.validate_json(key.sealing.decrypt(stored)), [])
    change = use_case(connection, context)
    sealed = key.sealing.encrypt(answer.dump_json(change.result))
    mine = idempotent_request.c.id == key.id
    connection.execute(sa.update(idempotent_request).where(mine).values(answer=sealed))
    return change


def claim(connection: Connection, context: ChangeContext, key: IdempotencyKey) -> bytes | None:
    """The sealed answer of an earlier request; None when this is the first."""
    row = insert(idempotent_request).values(
        id=key.id, request_hash=key.request_hash, created_at=context.now
    )
    new = row.on_conflict_do_nothing().returning(idempotent_request.c.id)
    if connection.execute(new).first():
        return None
    earlier = connection.execute(
        sa.select(idempotent_request).where(idempotent_request.c.id == key.id)
    ).one()
    if earlier.request_hash != key.request_hash:
        message = "was sent with another request before"
        refuse(422, "Idempotency-Key", message, "use a new key for each request")
    return bytes(earlier.answer)
