"""The lines that a replay leaves in the audit log: before its first record, and at its end."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from tenant_admin.core.changes import Change, ChangeContext, digest, record_change
from tenant_admin.core.problems import refuse
from tenant_admin.core.tables import audit_log

START, RESUME, END = "replay.start", "replay.resume", "replay.end"


def record_start(
    connection: Connection, context: ChangeContext, topic: str, asked: dict[str, Any]
) -> Change[None]:
    """asked: what is selected and why; of contacts the log holds no more than that one was."""
    return Change(None, record_change(connection, context, START, about(topic), after=asked))


def record_resume(
    connection: Connection,
    context: ChangeContext,
    topic: str,
    asked: dict[str, Any],
    replay_id: str,
) -> Change[datetime]:
    """When the replay began. Refused (422) unless the same was asked for then."""
    query = sa.select(audit_log.c.at, audit_log.c.after_hash).where(
        audit_log.c.object == about(topic),
        audit_log.c.action == START,
        audit_log.c.request_id == replay_id,
    )
    started = connection.execute(query).first()
    if started is None:
        refuse(422, "resume", f"{topic} has no such replay", "`audit list` has their request_id")
    if started.after_hash != digest(asked):
        refuse(
            422, "resume", "selects something else", "repeat the command that the replay printed"
        )
    rows = record_change(connection, of_replay(context, replay_id), RESUME, about(topic))
    return Change(started.at, rows)


def record_end(
    connection: Connection,
    context: ChangeContext,
    topic: str,
    replay_id: str,
    counts: dict[str, Any],
) -> Change[None]:
    mine = of_replay(replace(context, now=datetime.now(UTC)), replay_id)
    return Change(None, record_change(connection, mine, END, about(topic), after=counts))


def of_replay(context: ChangeContext, replay_id: str) -> ChangeContext:
    """All lines of a replay have its id as their request."""
    return replace(context, request_id=replay_id)


def about(topic: str) -> str:
    return f"topic:{topic}"
