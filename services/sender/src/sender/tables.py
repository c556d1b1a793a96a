"""Deliveries as rows: one for each part of a reply, and the statements that read and change it.

`status` is what became of the message at WhatsApp; the columns of common.work say what to do next.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from common.events import ReplyReady, conversation_key, event_id
from common.postgres.batch_statements import Statement
from common.work import Claim, Hint, WorkTable

SCHEMA = "sender"
DELIVERY = WorkTable("delivery", serial="conversation", careful=True)

# The columns of a Delivery, up to its status.
DELIVERY_COLUMNS = """d.id, d.tenant_id, d.delivery_id::text, d.reply_id, d.part, d.parts,
  d.phone_number_id, d.contact_id, d.trace_id, d.answers"""

# Stores new deliveries in the given order; one that exists stays as it is.
INSERT = """
insert into delivery (tenant_id, delivery_id, reply_id, part, parts, conversation,
  phone_number_id, contact_id, wa_id, kind, body, answers, last_inbound_at, trace_id)
select tenant_id, delivery_id, reply_id, part, parts, conversation,
  phone_number_id, contact_id, wa_id, kind, body, answers::jsonb, last_inbound_at, trace_id
from unnest(%(tenant_id)s::int[], %(delivery_id)s::uuid[], %(reply_id)s::text[],
  %(part)s::smallint[], %(parts)s::smallint[], %(conversation)s::text[],
  %(phone_number_id)s::text[], %(contact_id)s::text[], %(wa_id)s::text[], %(kind)s::text[],
  %(body)s::text[], %(answers)s::text[], %(last_inbound_at)s::timestamptz[],
  %(trace_id)s::text[]) with ordinality
  u(tenant_id, delivery_id, reply_id, part, parts, conversation, phone_number_id, contact_id,
    wa_id, kind, body, answers, last_inbound_at, trace_id, o)
order by o
on conflict (delivery_id) do nothing
returning id, tenant_id
"""
# Reads claimed deliveries and marks them as being sent; a row that was unknown counts a resend.
MARK_SENDING = f"""
with before as (select id, status from delivery where id = any(%(ids)s::bigint[]))
update delivery d set status = 'sending', resends = d.resends + (b.status = 'unknown')::int
from before b where d.id = any(%(ids)s::bigint[]) and d.id = b.id
returning {DELIVERY_COLUMNS}, b.status, d.wamid, false,
  d.wa_id, d.body, d.last_inbound_at, d.created_at, d.refusals, d.resends,
  b.status <> 'unknown' or not exists (
    select from delivery later where later.conversation = d.conversation and later.id > d.id
      and later.finished_at is null and later.reply_id <> d.reply_id)
"""
# Stores the new status of each delivery after a try.
UPDATE = """
update delivery d set status = r.status, refusals = r.refusals, wamid = r.wamid,
  error_code = r.error_code, error_title = r.error_title
from unnest(%(id)s::bigint[], %(status)s::text[], %(refusals)s::smallint[], %(wamid)s::text[],
  %(error_code)s::int[], %(error_title)s::text[])
  r(id, status, refusals, wamid, error_code, error_title)
where d.id = any(%(id)s::bigint[]) and d.id = r.id
"""
# How the parts of replies ended.
ENDS = """
select delivery_id::text, status, reason from delivery where delivery_id = any(%(ids)s::uuid[])
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

    status: str
    reason: str | None


class ReplyPart(NamedTuple):
    """A piece of a reply that fits into one message: number `part` of `parts`, from 1."""

    reply: ReplyReady
    part: int
    parts: int
    body: str


def delivery_id_of(tenant_id: int, reply_id: str, part: int) -> str:
    """The same part of the same reply is the same delivery, however often the reply comes."""
    return event_id("delivery", tenant_id, reply_id, part)


def insert_parts(connection: Connection, parts: Sequence[ReplyPart]) -> list[Hint]:
    """In the order to send; returns the new rows. A part that exists stays as it is."""
    if not parts:
        return []
    columns = {
        "tenant_id": [reply.tenant_id for reply, *_ in parts],
        "delivery_id": [delivery_id_of(r.tenant_id, r.reply_id, part) for r, part, *_ in parts],
        "reply_id": [reply.reply_id for reply, *_ in parts],
        "part": [part for _, part, _, _ in parts],
        "parts": [count for _, _, count, _ in parts],
        "conversation": [reply.conversation for reply, *_ in parts],
        "phone_number_id": [reply.phone_number_id for reply, *_ in parts],
        "contact_id": [reply.contact_id for reply, *_ in parts],
        "wa_id": [reply.wa_id for reply, *_ in parts],
        "kind": [reply.kind for reply, *_ in parts],
        "body": [body for *_, body in parts],
        "answers": [json_list(reply.answers) for reply, *_ in parts],
        "last_inbound_at": [reply.last_inbound_at for reply, *_ in parts],
        "trace_id": [reply.trace_id for reply, *_ in parts],
    }
    return [Hint(id, tenant, 0) for id, tenant in connection.exec_driver_sql(INSERT, columns)]


def mark_sending(connection: Connection, claims: Sequence[Claim], at: float) -> list[DueDelivery]:
    """The claimed rows, now marked as being sent: if this process dies, it is unknown whether they
    were."""
    rows = connection.exec_driver_sql(MARK_SENDING, {"ids": [claim.id for claim in claims]})
    deliveries = {row[0]: DueDelivery(*(*row, at)) for row in rows}
    return [deliveries[claim.id] for claim in claims]


def update_statements(updates: Sequence[tuple[Delivery, DeliveryUpdate]]) -> list[Statement]:
    """The statement that stores the updates; none without any."""
    if not updates:
        return []
    columns = {"id": [delivery.id for delivery, _ in updates]} | {
        name: [getattr(update, name) for _, update in updates] for name in DeliveryUpdate._fields
    }
    return [(UPDATE, columns)]


def end_statements(last_parts: Sequence[Delivery]) -> list[Statement]:
    """The statement that reads how all parts of these replies ended; none without any."""
    ids = [id for delivery in last_parts for id in part_ids(delivery)]
    return [(ENDS, {"ids": ids})] if ids else []


def ends_of(last_parts: Sequence[Delivery], rows: Iterable[Any]) -> dict[int, list[PartEnd]]:
    """By the id of each last part: how all parts of its reply ended, in order.

    `rows`: the result of end_statements; not read where there is no last part.
    """
    if not last_parts:
        return {}
    ends = {row[0]: PartEnd(row[1], row[2]) for row in rows}
    return {delivery.id: [ends[id] for id in part_ids(delivery)] for delivery in last_parts}


def part_ids(delivery: Delivery) -> list[str]:
    """The delivery ids of all parts of the reply."""
    return [
        delivery_id_of(delivery.tenant_id, delivery.reply_id, part)
        for part in range(1, delivery.parts + 1)
    ]


def json_list(values: Sequence[str]) -> str:
    return json.dumps(list(values))
