"""A change: who makes it, its line in the audit log, its events. All in one transaction."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from common.outbox_refused import EventTooLarge
from common.outbox_rows import EventDraft, OutboxRow, add
from common.topics import ASSISTANTS_CONFIG, TENANTS_CONFIG
from tenant_admin.core.field_changes import field_changes
from tenant_admin.core.key_rights import KeyHolder
from tenant_admin.core.problems import refuse
from tenant_admin.core.tables import audit_log

T = TypeVar("T")
OPERATOR = 1  # tenant_id of events that belong to no client
# What makes an event of the topic long.
LONGEST_FIELD = {TENANTS_CONFIG.name: "settings", ASSISTANTS_CONFIG.name: "instructions"}


@dataclass(frozen=True, slots=True)
class ChangeContext:
    """Who changes something, through which key, in which request, when (UTC).

    holder: of the key; None where all is allowed, as to the command line and the service itself.
    """

    actor: str
    key_prefix: str | None
    request_id: str
    trace_id: str
    now: datetime
    holder: KeyHolder | None = None


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What a use-case did. `rows` are to be published after the commit."""

    result: T
    rows: list[OutboxRow]


UseCase = Callable[[Connection, ChangeContext], Change[T]]


class ConfigRevision(NamedTuple):
    """Whose configuration a key of a compacted topic holds, and which change of it."""

    tenant_id: int
    revision: int


def record_change(
    connection: Connection,
    context: ChangeContext,
    action: str,
    object_name: str,
    before: Any = None,
    after: Any = None,
    drafts: Sequence[EventDraft] = (),
) -> list[OutboxRow]:
    """Writes the audit line and the events of one change; returns the rows to publish.

    Refused (422) when an event is larger than its topic takes.
    `before` and `after` are JSON objects without secrets; the log holds their hashes, and which
    fields differ.
    """
    line = audit_line(context, action, object_name, before, after)
    return record_changes(connection, [line], drafts)


def audit_line(
    context: ChangeContext, action: str, object_name: str, before: Any = None, after: Any = None
) -> dict[str, Any]:
    """A row of the audit log."""
    return {
        "at": context.now,
        "actor": context.actor,
        "key_prefix": context.key_prefix,
        "request_id": context.request_id,
        "action": action,
        "object": object_name,
        "before_hash": before and digest(before),
        "after_hash": after and digest(after),
        "changes": field_changes(before, after),
    }


def record_changes(
    connection: Connection, lines: Sequence[dict[str, Any]], drafts: Sequence[EventDraft]
) -> list[OutboxRow]:
    """The audit lines and events of many changes, in two statements. Refused as one is."""
    connection.execute(sa.insert(audit_log), lines)
    try:
        return add(connection, drafts)
    except EventTooLarge as error:
        message = f"an event of {error.size} bytes; the services take {error.limit}"
        refuse(422, LONGEST_FIELD[error.topic], message, "shorten its texts")


def digest(value: Any) -> str:
    """SHA-256 of the value's canonical JSON: sorted keys, no spaces."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
