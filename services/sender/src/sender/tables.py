"""Deliveries as rows: what is known of each part of a reply, and the statements that move it.

A status says what WhatsApp made of the message; the columns of common.work say what we do next.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from common.events import ReplyReady, conversation_key, event_id
from common.postgres.batch_statements import Statement, execute_together
from common.work import Claim, Hint, WorkTable

SCHEMA = "sender"
DELIVERY = WorkTable("delivery", serial="conversation", careful=True)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which message this is. `answers`: wamids of the contact's messages that the reply answers."""

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


class Change(NamedTuple):
    """What a try made of a delivery."""

    status: str
    refusals: int = 0
    wamid: str | None = None
    error_code: int | None = None
    error_title: str | None = None


class PartEnd(NamedTuple):
    """How one part of a reply ended."""

    status: str
    reason: str | None


def delivery_id_of(tenant_id: int, reply_id: str, part: int) -> str:
    """The same part of the same reply is the same delivery, however often the reply comes."""
    return event_id("delivery", tenant_id, reply_id, part)


def insert(connection: Connection, parts: Sequence[tuple[ReplyReady, int, int, str]]) -> list[Hint]:
    """(reply, part, parts, body) in the order to send; what is there already stays as it is."""
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


def load(connection: Connection, claims: Sequence[Claim], at: float) -> list[DueDelivery]:
    """The claimed rows, marked as being sent: from now on a lost process leaves them in doubt."""
    rows = connection.exec_driver_sql(LOAD, {"ids": [claim.id for claim in claims]})
    found = {row[0]: DueDelivery(*(*row, at)) for row in rows}
    return [found[claim.id] for claim in claims]


def writing(changes: Sequence[tuple[int, Change]]) -> list[Statement]:
    """The statement that stores (id, change) pairs; none without any."""
    if not changes:
        return []
    columns = {"id": [id for id, _ in changes]} | {
        name: [getattr(change, name) for _, change in changes] for name in Change._fields
    }
    return [(WRITE, columns)]


def ends_of(
    connection: Connection, deliveries: Sequence[Delivery], after: Sequence[Statement]
) -> dict[int, list[PartEnd]]:
    """By the id of each given delivery: how all parts of its reply ended, in order.

    `after`'s statements go before, in the same round trip.
    """
    parts = {
        delivery.id: [
            delivery_id_of(delivery.tenant_id, delivery.reply_id, part)
            for part in range(1, delivery.parts + 1)
        ]
        for delivery in deliveries
    }
    wanted = [one for ids in parts.values() for one in ids]
    statements = [*after, *([(ENDS, {"ids": wanted})] if wanted else [])]
    if not statements:
        return {}
    rows = execute_together(connection, statements)
    found = {row.delivery_id: PartEnd(row.status, row.reason) for row in rows} if wanted else {}
    return {id: [found[one] for one in ids] for id, ids in parts.items()}


IDENTITY = """d.id, d.tenant_id, d.delivery_id::text, d.reply_id, d.part, d.parts,
  d.phone_number_id, d.contact_id, d.trace_id, d.answers"""

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
LOAD = f"""
with before as (select id, status from delivery where id = any(%(ids)s::bigint[]))
update delivery d set status = 'sending', resends = d.resends + (b.status = 'unknown')::int
from before b where d.id = any(%(ids)s::bigint[]) and d.id = b.id
returning {IDENTITY}, b.status, d.wamid, false,
  d.wa_id, d.body, d.last_inbound_at, d.created_at, d.refusals, d.resends,
  b.status <> 'unknown' or not exists (
    select from delivery later where later.conversation = d.conversation and later.id > d.id
      and later.finished_at is null and later.reply_id <> d.reply_id)
"""
WRITE = """
update delivery d set status = r.status, refusals = r.refusals, wamid = r.wamid,
  error_code = r.error_code, error_title = r.error_title
from unnest(%(id)s::bigint[], %(status)s::text[], %(refusals)s::smallint[], %(wamid)s::text[],
  %(error_code)s::int[], %(error_title)s::text[])
  r(id, status, refusals, wamid, error_code, error_title)
where d.id = any(%(id)s::bigint[]) and d.id = r.id
"""
ENDS = """
select delivery_id::text as delivery_id, status, reason from delivery
where delivery_id = any(%(ids)s::uuid[])
"""


def json_list(values: Sequence[str]) -> str:
    return json.dumps(list(values))
