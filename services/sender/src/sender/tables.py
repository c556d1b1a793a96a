"""Deliveries as rows: one for each part of a reply, and the statements that read and change it.

`status` is what became of the message at WhatsApp; the columns of common.work say what to do next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple, Self

import orjson

from common.events import (
    Choices,
    DeliveryClass,
    ReplyKind,
    ReplyReady,
    conversation_key,
    event_id,
)
from common.postgres.connection import Connection
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest
from common.work import Lease, WorkTable
from common.work.schema import BLOCKED, RUNNING, WAITING
from common.work.statements import CLAIM
from sender.conversation_state import SINCE
from sender.send_times import BEFORE_CLAIM, DUE_AT, LOCK_NUMBERS, SEND_IN, SEND_TIMES

SCHEMA = "sender"
# What the insert takes from the reply and from its part.
REPLY_COLUMNS = {
    "tenant_id": "int",
    "reply_id": "text",
    "conversation": "text",
    "phone_number_id": "text",
    "contact_id": "text",
    "wa_id": "text",
    "kind": "text",
    "failure": "text",
    "last_inbound_at": "timestamptz",
    "trace_id": "text",
    "what": "text",
    "occurred_at": "timestamptz",
    "expires_at": "timestamptz",
    "delivery_class": "text",
}
PART_COLUMNS = {
    "delivery_id": "uuid",
    "part": "smallint",
    "parts": "smallint",
    "body": "text",
    "answers": "jsonb",
    "choices": "jsonb",
    "quotes": "text",
    "media": "jsonb",
}
INSERT_COLUMNS = REPLY_COLUMNS | PART_COLUMNS
# Of its number, for the send times: see send_times.SEND_TIMES.
PACE_COLUMNS = {"per_second": "float8", "inbound": "int"}
STATUS_COLUMNS = {"status": "text", "wamid": "text", "error_code": "int", "error_title": "text"}
UPDATE_COLUMNS = STATUS_COLUMNS | {
    "refusals": "smallint",
    "pair_refusals": "smallint",
    "refused_at": "timestamptz",
    "resends": "smallint",
    "held_by": "text",
    "template": "text",
    "template_takes_text": "boolean",
}
# The fields of a Delivery, of the row `d` or `t`; status and finished each query reads in its own
# way.
FIELDS = ["delivery_id::text", "reply_id", "part", "parts", "phone_number_id", "contact_id"]
FIELDS += ["trace_id", "answers", "failure", "wamid", "template", "template_takes_text"]
DELIVERY_COLUMNS = f"d.id, d.tenant_id, {names(FIELDS, 'd.')}"
# Whether another of the conversation left as a template within a day, as each is billed. Asked only
# for what may leave as one: its window ends soon, or it was refused.
TEMPLATE_SENT = """(t.last_inbound_at < now() - interval '22 hours' or t.refused_at is not null)
  and exists (select from delivery other where other.conversation = t.conversation
    and other.template is not null and other.finished_at > now() - interval '1 day'
    and other.status not in ('rejected', 'suppressed'))"""
# Of a DueDelivery, beside the columns of a claim.
DUE_COLUMNS = f"""{names(FIELDS, "t.")}, false as finished, t.wa_id, t.kind, t.body,
  t.last_inbound_at, t.created_at, t.refusals, t.resends,
  t.pair_refusals, t.refused_at, t.held_by, t.delivery_class,
  t.what, coalesce(t.occurred_at, t.created_at) as made_at, t.expires_at, {SINCE},
  t.choices, t.quotes, t.media, {TEMPLATE_SENT} as template_sent"""

# A claim marks its row as being sent and takes its send time; one that was unknown counts a resend.
# Whether a later reply waits is asked for what was perhaps sent, or refused: such a delivery is
# given up for it.
DELIVERY = WorkTable(
    "delivery",
    serial="conversation",
    careful=True,
    before_claim=BEFORE_CLAIM,
    on_claim="status = 'sending', resends = t.resends + (picked.status = 'unknown')::int,"
    " send_at = null",
    claimed=f"""{DUE_COLUMNS}, picked.status, {SEND_IN.format("picked.send_at")},
    (picked.status <> 'unknown' and picked.refused_at is null) or not exists (
    select from delivery later where later.conversation = t.conversation and later.id > t.id
      and later.finished_at is null and later.reply_id <> t.reply_id) as newest""",
    finish=UPDATE_COLUMNS,
)

# Stores new deliveries in the given order; one that exists stays as it is. The first of a
# conversation without open ones is claimed at once where it may be sent soon; the others wait, for
# their send time or behind an open one. That one is locked, so that it cannot end unseen by what
# now waits behind it.
INSERT = Prepared(f"""
with given as (select * from {unnest(INSERT_COLUMNS | PACE_COLUMNS)}),
new as materialized (
  select given.*, row_number() over (partition by conversation order by ordinality) as place
  from given where not exists (
    select from delivery known where known.delivery_id = given.delivery_id)),
heads as materialized (
  select first.id, first.conversation from (select distinct conversation from new) c
  cross join lateral (
    select id, conversation from delivery d
    where d.conversation = c.conversation and d.finished_at is null order by d.id limit 1) first),
locked as materialized (
  select id from delivery where id = any(array(select id from heads)) and finished_at is null
  order by id for update),
placed as (
  select new.*, heads.id is null and new.place = 1 as alone,
    case when new.place > 1 or locked.id is not null then {BLOCKED} else {WAITING} end as otherwise
  from new left join heads using (conversation) left join locked on locked.id = heads.id),
asked as materialized (
  select delivery_id as key, phone_number_id, conversation, ordinality, per_second, inbound,
    alone and %(owner)s::int is not null as wanted from placed),
{SEND_TIMES}
insert into delivery as t ({names(INSERT_COLUMNS)}, {names(DELIVERY.claim_columns)}, status,
  due_at, send_at)
select {names(INSERT_COLUMNS, "placed.")},
  {DELIVERY.claim_values("alone and not s.is_far", "otherwise")},
  case when alone and not s.is_far then 'sending' else 'pending' end,
  coalesce({DUE_AT}, now()), case when s.is_kept then s.send_at end
from placed left join send_times s on s.key = placed.delivery_id
order by placed.ordinality
on conflict (delivery_id) do nothing
returning {names(CLAIM, "t.")}, {DUE_COLUMNS}, 'pending' as status, true as newest,
  {SEND_IN.format("t.send_at")}, t.state = {RUNNING} as running,
  t.state = {BLOCKED} or t.due_at > now() as waits, 0.0::float8 as delay
""")
# Deliveries that a hold holds back are due now: a portion of them.
WAKE_PORTION = 1000
WAKE_HELD_BY = DELIVERY.make_due("held_by = %(key)s", WAKE_PORTION)
WAKE_NUMBER = DELIVERY.make_due("phone_number_id = %(key)s and held_by is not null", WAKE_PORTION)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One part of a reply. `answers`: wamids of the contact's messages that the reply answers.
    `failure`: why it is no answer of the model. `template`: the name of that as which it leaves;
    `template_takes_text`: whether that has its text, None without one."""

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
    failure: str | None
    status: str
    wamid: str | None
    template: str | None
    template_takes_text: bool | None
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

    resends: copies beyond the first, the one now due included. newest: no later reply waits, as
    far as it was asked. refused_at: the first time. pair_refusals: by the pair's limit; refusals:
    by others. held_by: the hold that held it back last.
    kind, what: see ReplyReady. made_at: when the reply was. opted_out_at, handed_over_at: when the
    conversation last was, None for never or long ago. choices: the JSON of Choices, or None.
    quotes: a wamid. media: the JSON of OutgoingMedia, or None. template_sent: see TEMPLATE_SENT.
    claimed_at: monotonic seconds. send_in: seconds until its send time as the claim returned, None
    without one.
    """

    wa_id: str | None
    kind: ReplyKind
    body: str
    last_inbound_at: datetime
    created_at: datetime
    refusals: int
    resends: int
    pair_refusals: int
    refused_at: datetime | None
    held_by: str | None
    delivery_class: DeliveryClass
    newest: bool
    what: str | None
    made_at: datetime
    expires_at: datetime | None
    opted_out_at: datetime | None
    handed_over_at: datetime | None
    choices: Any
    quotes: str | None
    media: Any
    template_sent: bool
    send_in: float | None
    claimed_at: float


KEPT = ("refusals", "pair_refusals", "refused_at", "resends", "template", "template_takes_text")
DUE_FIELDS = [field.name for field in fields(DueDelivery) if field.name != "claimed_at"]


class DeliveryUpdate(NamedTuple):
    """The new status of a delivery after a try or a status webhook."""

    status: str
    refusals: int = 0
    wamid: str | None = None
    error_code: int | None = None
    error_title: str | None = None
    pricing_type: str | None = None
    pricing_category: str | None = None
    pair_refusals: int = 0
    refused_at: datetime | None = None
    resends: int = 0
    held_by: str | None = None
    template: str | None = None
    template_takes_text: bool | None = None

    @classmethod
    def of(cls, delivery: DueDelivery, status: str, **changes: Any) -> Self:
        """What a delivery has counted, and its template, stay unless changed."""
        kept = {name: getattr(delivery, name) for name in KEPT}
        return cls(status, **kept | changes)


class NumberPace(NamedTuple):
    """What the insert tells of a part's number. per_second: how many messages it may send.
    inbound: messages of contacts that its rate does not know yet, with its first part alone."""

    per_second: float
    inbound: int


class ReplyPart(NamedTuple):
    """A piece of a reply that fits into one message: number `part` of `parts`, from 1. shown: the
    options as WhatsApp shows them; `body` says the same in words."""

    reply: ReplyReady
    part: int
    parts: int
    body: str
    shown: Choices | None = None

    @property
    def delivery_id(self) -> str:
        return delivery_id_of(self.reply.tenant_id, self.reply.reply_id, self.part)

    @property
    def answers(self) -> str:
        """As JSON: the messages whose outcome the end of the reply is."""
        return orjson.dumps(() if is_a_persons(self.reply) else self.reply.answers).decode()

    @property
    def choices(self) -> str | None:
        """As JSON."""
        return self.shown.model_dump_json() if self.shown else None

    @property
    def media(self) -> str | None:
        """As JSON."""
        media = self.reply.media
        return media.model_dump_json(exclude_none=True) if media else None

    @property
    def quotes(self) -> str | None:
        return self.reply.quotes if self.part == 1 else None


def is_a_persons(reply: ReplyReady | DueDelivery) -> bool:
    return reply.what == "person"


def delivery_id_of(tenant_id: int, reply_id: str, part: int) -> str:
    """The same part of the same reply is the same delivery, however often the reply comes."""
    return event_id("delivery", tenant_id, reply_id, part)


def insert_parts(
    connection: Connection, parts: Sequence[ReplyPart], lease: Lease, paces: Sequence[NumberPace]
) -> Sequence[Any]:
    """One round trip, in the order to send: the new rows that may be sent now. A part that exists
    stays as it is. `paces`: of the parts' numbers."""
    if not parts:
        return []
    replies = [part.reply for part in parts]
    values = arrays(REPLY_COLUMNS, replies) | arrays(PART_COLUMNS, parts)
    values |= arrays(PACE_COLUMNS, paces) | lease.values
    statements = [(LOCK_NUMBERS, values), (INSERT, values)]
    rows = connection.execute_together(statements, commit=True)
    return [row for row in rows if not row.waits]


def due_delivery(row: Any, claimed_at: float) -> DueDelivery:
    """row: with DUE_COLUMNS, status and newest. claimed_at: monotonic seconds."""
    fields = {name: getattr(row, name) for name in DUE_FIELDS}
    return DueDelivery(**fields, claimed_at=claimed_at)
