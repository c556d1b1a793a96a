"""A change: who causes it, its line in the audit log, its events. All in one transaction."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from common.outbox import EventDraft, OutboxRow, add
from tenant_admin.tables import audit_log

T = TypeVar("T")
OPERATOR = 1  # tenant_id of events that belong to no client


@dataclass(frozen=True, slots=True)
class Cause:
    """Who changes something, through which key, in which request, when (UTC)."""

    actor: str
    key_prefix: str | None
    request_id: str
    trace_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What a use-case did. `rows` are to be published after the commit."""

    result: T
    rows: list[OutboxRow]


def record(
    connection: Connection,
    cause: Cause,
    action: str,
    what: str,
    before: Any = None,
    after: Any = None,
    drafts: Sequence[EventDraft] = (),
) -> list[OutboxRow]:
    """The audit line and the events of one change.

    `before` and `after` are JSON values without secrets; the log holds only their hashes.
    """
    connection.execute(
        sa.insert(audit_log).values(
            at=cause.now,
            actor=cause.actor,
            key_prefix=cause.key_prefix,
            request_id=cause.request_id,
            action=action,
            object=what,
            before_hash=before and digest(before),
            after_hash=after and digest(after),
        )
    )
    return add(connection, drafts)


def digest(value: Any) -> str:
    """SHA-256 of the value's canonical JSON: sorted keys, no spaces."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
