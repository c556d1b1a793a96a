"""Deliveries as rows: one for each part of a reply, and the statements that read and change it.

`status` is what became of the message at WhatsApp; the columns of common.work say what to do next.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row

from common.events import ReplyReady, conversation_key, event_id
from common.postgres.batch_statements import Statement
from common.postgres.rows import arrays, names, rows_as, unnest
from common.work import Claim, Hint, WorkTable

SCHEMA = "sender"
DELIVERY = WorkTable("delivery", serial="conversation", careful=True)

# What the insert takes from the reply and from its part.
REPLY_COLUMNS = {
    "tenant_id": "int",
    "reply_id": "text",
    "conversation": "text",
    "phone_number_id": "text",
    "contact_id": "text",
    "wa_id": "text",
    "kind": "text",
    "last_inbound_at": "timestamptz",
    "trace_id": "text",
}
PART_COLUMNS = {
    "delivery_id": "uuid",
    "part": "smallint",
    "parts": "smallint",
    "body": "text",
    "answers": "jsonb",
}
INSERT_COLUMNS = REPLY_COLUMNS | PART_COLUMNS
STATUS_COLUMNS = {"status": "text", "wamid": "text", "error_code": "int", "error_title": "text"}
UPDATE_COLUMNS = STATUS_COLUMNS | {"refusals": "smallint"}
# The fields of a Delivery, except status and finished, which each query reads in its own way.
DELIVERY_COLUMNS = """d.id, d.tenant_id, d.delivery_id::text as delivery_id, d.reply_id, d.part,
  d.parts, d.phone_number_id, d.contact_id, d.trace_id, d.answers, d.wamid"""

# Stores new deliveries in the given order; one that exists stays as it is.
INSERT = f"""
insert into delivery ({names(INSERT_COLUMNS)})
select {names(INSERT_COLUMNS)} from {unnest(INSERT_COLUMNS)} order by ordinality
on conflict (delivery_id) do nothing
returning id, tenant_id
"""
# Reads claimed deliveries and marks them as being sent; a row that was unknown counts a resend.
MARK_SENDING = f"""
with before as (select id, status from delivery where id = any(%(ids)s::bigint[]))
update delivery d set status = 'sending', resends = d.resends + (before.status = 'unknown')::int
from before where d.id = any(%(ids)s::bigint[]) and d.id = before.id
returning {DELIVERY_COLUMNS}, before.status, false as finished,
  d.wa_id, d.body, d.last_inbound_at, d.created_at, d.refusals, d.resends,
  before.status <> 'unknown' or not exists (
    select from delivery later where later.conversation = d.conversation and later.id > d.id
      and later.finished_at is null and later.reply_id <> d.reply_id) as newest
"""
# Stores the new status of each delivery after a try.
UPDATE = f"""
update delivery d set ({names(UPDATE_COLUMNS)}) = ({names(UPDATE_COLUMNS, "given.")})
from {unnest({"id": "bigint"} | UPDATE_COLUMNS)}
where d.id = any(%(id)s::bigint[]) and d.id = given.id
"""
# How the parts of replies ended.
ENDS = """
select delivery_id::text as delivery_id, status, reason from delivery
where delivery_id = any(%(ids)s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One part of a reply. `answers`: wamids of the contact's messages that the reply answers."""

    id: int
    tenant_id: int
    delivery_id: str
    reply_id: str
    part: int
    parts: int
    phone_number_id: str
    contact_id: str
    trace_id: str
    answers: Sequence[str]
    status: str
    wamid: str | None
    finished: bool

    @property
    def conversation(self) -> str:
        return conversation_key(self.phone_number_id, self.contact_id)

    @property
    def is_last_part(self) -> bool:
        """Parts leave one after the other, so the end of the last is the end of the reply."""
        return self.part == self.parts


@dataclass(frozen=True, slots=True)
class DueDelivery(Delivery):
    """A claimed delivery; `status` is the one before the claim.

    resends: copies beyond the first, the one now due included. newest: no later reply waits.
    claimed_at: monotonic seconds.
    """

    wa_id: str | None
    body: str
    last_inbound_at: datetime
    created_at: datetime
    refusals: int
    resends: int
    newest: bool
    claimed_at: float


class DeliveryUpdate(NamedTuple):
    """The new status of a delivery after a try or a status webhook."""

    status: str
    refusals: int = 0
    wamid: str | None = None
    error_code: int | None = None
    error_title: str | None = None


class PartEnd(NamedTuple):
    """How one part of a reply ended."""

    delivery_id: str
    status: str
    reason: str | None


class ReplyPart(NamedTuple):
    """A piece of a reply that fits into one message: number `part` of `parts`, from 1."""

    reply: ReplyReady
    part: int
    parts: int
    body: str

    @property
    def delivery_id(self) -> str:
        return delivery_id_of(self.reply.tenant_id, self.reply.reply_id, self.part)

    @property
    def answers(self) -> str:
        """As JSON."""
        return orjson.dumps(self.reply.answers).decode()


def delivery_id_of(tenant_id: int, reply_id: str, part: int) -> str:
    """The same part of the same reply is the same delivery, however often the reply comes."""
    return event_id("delivery", tenant_id, reply_id, part)


def insert_parts(connection: Connection, parts: Sequence[ReplyPart]) -> list[Hint]:
    """In the order to send; returns the new rows. A part that exists stays as it is."""
    if not parts:
        return []
    replies = [part.reply for part in parts]
    values = arrays(REPLY_COLUMNS, replies) | arrays(PART_COLUMNS, parts)
    rows = connection.exec_driver_sql(INSERT, values)
    return [Hint(row.id, row.tenant_id, 0) for row in rows]


def mark_sending(connection: Connection, claims: Sequence[Claim], at: float) -> list[DueDelivery]:
    """The claimed rows, now marked as being sent: if this process dies, it is unknown whether they
    were. `at`: now, in monotonic seconds."""
    rows = connection.exec_driver_sql(MARK_SENDING, {"ids": [claim.id for claim in claims]})
    deliveries = {row.id: DueDelivery(**row._mapping, claimed_at=at) for row in rows}
    return [deliveries[claim.id] for claim in claims]


def update_statements(updates: Sequence[tuple[Delivery, DeliveryUpdate]]) -> list[Statement]:
    """The statement that stores the updates; none without any."""
    if not updates:
        return []
    ids = {"id": [delivery.id for delivery, _ in updates]}
    return [(UPDATE, ids | arrays(UPDATE_COLUMNS, [update for _, update in updates]))]


def end_statements(last_parts: Sequence[Delivery]) -> list[Statement]:
    """The statement that reads how all parts of these replies ended; none without any."""
    ids = [id for delivery in last_parts for id in part_ids(delivery)]
    return [(ENDS, {"ids": ids})] if ids else []


def ends_of(last_parts: Sequence[Delivery], rows: Iterable[Row[Any]]) -> dict[int, list[PartEnd]]:
    """By the id of each last part: how all parts of its reply ended, in order.

    `rows`: the result of end_statements.
    """
    ends = {end.delivery_id: end for end in rows_as(PartEnd, rows)}
    return {delivery.id: [ends[id] for id in part_ids(delivery)] for delivery in last_parts}


def part_ids(delivery: Delivery) -> list[str]:
    """The delivery ids of all parts of the reply."""
    return [
        delivery_id_of(delivery.tenant_id, delivery.reply_id, part)
        for part in range(1, delivery.parts + 1)
    ]
