"""Outbox rows: written in the transaction that causes them, read by whoever publishes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from common.events import Event
from common.outbox_refused import EventTooLarge
from common.postgres.connection import NO_WAIT, Connection, SqlConnection, Statement, Values
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest
from common.topics import Topic

ORPHAN_SECONDS = 10.0
FOREIGN_SECONDS = 2.0  # so long another process has for what it has written
SWEEP_ROWS = 1000

TABLE = """
create table outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  key text not null,
  payload bytea,
  trace_id text not null,
  created_at timestamptz not null default now()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
create index outbox_key on outbox (key, id);
"""

GIVEN = {"topic": "text", "key": "text", "payload": "bytea", "trace_id": "text"}
COLUMNS = names(["id", *GIVEN])
AGE = "extract(epoch from now() - created_at)::float8 as age"

# Writes events; returns them and the older rows of their keys, in the order to publish.
INSERT = f"""
with new as (
  insert into outbox ({names(GIVEN)})
  select {names(GIVEN)} from {unnest(GIVEN)} order by ordinality
  returning {COLUMNS})
select {COLUMNS}, {AGE} from outbox where key = any(%(key)s::text[])
union all select *, 0.0 from new order by id
"""
# Columns of a select that runs while the owner's row is locked: ids for so many events, and whether
# there are older rows of these keys.
RESERVED = """array(select nextval(pg_get_serial_sequence('outbox', 'id'))
    from generate_series(1, %(events)s::int)) as ids,
  exists (select from outbox where key = any(%(keys)s::text[])) as has_older"""
# Writes events under reserved ids.
INSERT_RESERVED = Prepared(f"""
insert into outbox (id, {names(GIVEN)}) overriding system value
select id, {names(GIVEN)} from {unnest({"id": "bigint"} | GIVEN)}
""")
# What a dead process left, and the rows of held keys whose wait is over.
ORPHANS = f"""
select {COLUMNS}, {AGE} from outbox
where (created_at < now() - %(age)s * interval '1 second' or key = any(%(due)s::text[]))
  and not id = any(%(in_flight)s::bigint[]) and not key = any(%(waiting)s::text[])
order by id limit {SWEEP_ROWS}
"""
# Losing this commit costs a second copy, so it need not wait for the disk.
DELETE = f"{NO_WAIT}; delete from outbox where id = any(%(ids)s::bigint[])"


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event to publish. `event` None is a tombstone."""

    topic: Topic
    key: str
    event: Event | None
    trace_id: str


class OutboxRow(NamedTuple):
    """age: seconds since it was written; 0 for one that has just been."""

    id: int
    topic: str
    key: str
    payload: bytes | None
    trace_id: str
    age: float = 0.0

    @property
    def is_anothers(self) -> bool:
        """Read from the table so early that its writer is perhaps about to publish it."""
        return self.age != 0 and self.age < FOREIGN_SECONDS


class Reserved(NamedTuple):
    """See RESERVED."""

    ids: list[int]
    has_older: bool


def draft(topic: Topic, key: str, event: Event) -> EventDraft:
    return EventDraft(topic, key, event, event.trace_id)


def insert_statement(drafts: Sequence[EventDraft]) -> list[Statement]:
    """The statement that writes the drafts, to run last in the caller's transaction; its rows are
    for `rows_of`. None without drafts. Raises EventTooLarge."""
    if not drafts:
        return []
    columns = {
        "topic": [draft.topic.name for draft in drafts],
        "key": [draft.key for draft in drafts],
        "payload": [payload_of(draft) for draft in drafts],
        "trace_id": [draft.trace_id for draft in drafts],
    }
    return [(INSERT, columns)]


def payload_of(draft: EventDraft) -> bytes | None:
    """None for a tombstone. Raises EventTooLarge."""
    payload = draft.event.encode() if draft.event else None
    size, limit = len(payload or b""), draft.topic.max_value_bytes
    if size > limit:
        raise EventTooLarge(draft.topic.name, size, limit)
    return payload


def rows_of(rows: Iterable[Any]) -> list[OutboxRow]:
    """What to publish after the commit: the rows written, and older unpublished rows of the same
    keys (almost always none), in the order to publish."""
    return [
        OutboxRow(row.id, row.topic, row.key, as_bytes(row.payload), row.trace_id, row.age)
        for row in rows
    ]


def as_bytes(payload: memoryview | None) -> bytes | None:
    return None if payload is None else bytes(payload)


def add(connection: SqlConnection, drafts: Sequence[EventDraft]) -> list[OutboxRow]:
    """Writes the drafts in the caller's transaction; returns what to publish after the commit.

    Raises EventTooLarge.
    """
    rows: list[OutboxRow] = []
    for statement, values in insert_statement(drafts):
        rows += rows_of(connection.exec_driver_sql(statement, values))
    return rows


def reserve(keys: Iterable[str], events: int) -> Values:
    """The values of RESERVED. `events`: how many there will be at most."""
    return {"keys": list(keys), "events": events}


def add_and_commit(
    connection: Connection,
    effects: Sequence[Statement],
    drafts: Sequence[EventDraft],
    reserved: Reserved,
) -> list[OutboxRow]:
    """Runs the effects, writes the drafts and commits, in one round trip; returns what to publish.

    Raises EventTooLarge.
    """
    if not drafts:
        connection.execute_together(effects, commit=True)
        return []
    if reserved.has_older:
        rows = rows_of(connection.execute_together([*effects, *insert_statement(drafts)]))
        connection.commit()
        return rows
    rows = [
        OutboxRow(id, draft.topic.name, draft.key, payload_of(draft), draft.trace_id)
        for id, draft in zip(reserved.ids, drafts, strict=False)
    ]
    insert = (INSERT_RESERVED, arrays(["id", *GIVEN], rows))
    connection.execute_together([*effects, insert], commit=True)
    return rows


def read_orphans(connection: SqlConnection, values: Values) -> list[OutboxRow]:
    values = values | {"age": ORPHAN_SECONDS}
    return rows_of(connection.exec_driver_sql(ORPHANS, values))


def delete(connection: SqlConnection, ids: Sequence[int]) -> None:
    connection.exec_driver_sql(DELETE, {"ids": list(ids)})
