"""The finish of deliveries: their new status, what may leave next, and the events."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

from common.outbox_rows import RESERVED, Reserved, add_and_commit, reserve
from common.postgres.connection import Connection, Statement, Values
from common.postgres.prepared import Prepared
from common.postgres.rows import unnest
from common.service import metrics
from common.service.clock import Clock
from common.work import Dropped, Handled, Hint, Later, Outcome, Stored
from common.work.statements import written_now
from common.work.table import ClaimKey
from sender.events import delivery_events, outcome_events
from sender.new_wamids import SentMessage
from sender.reply_ends import ENDS, PartEnd, ends_of, later_parts, part_ids
from sender.send_times import Unsent, after_unsent
from sender.tables import DELIVERY, Delivery, DeliveryUpdate, DueDelivery

NOT_SENT = frozenset({"rejected", "suppressed"})
PART_FAILED = "part_failed"

# Which deliveries stood, what may leave next, and how the replies ended, in one row.
CHECK = Prepared(f"""
select
  (select json_agg(json_build_array(id, epoch)) from delivery
    where id = any(%(id)s::bigint[]) and {written_now("delivery")}) as stood,
  (select json_agg(json_build_array(id, tenant_id, delay)) from ({DELIVERY.successors}) next)
    as next,
  (select json_agg(json_build_array(delivery_id, status, reason, finished)) from ({ENDS}) part)
    as ends,
  {RESERVED}
""")
# Ends the later parts of replies of which one was refused or held back: half a text helps nobody.
LATER_PARTS = {"failed_id": "bigint", "delivery_id": "uuid"}
END_LATER_PARTS = Prepared(f"""
update delivery set status = 'suppressed', {DELIVERY.finish_open("delivery", f"'{PART_FAILED}'")}
from {unnest(LATER_PARTS)} join delivery failed on failed.id = given.failed_id
where delivery.delivery_id = any(%(delivery_id)s::uuid[])
  and delivery.delivery_id = given.delivery_id and delivery.finished_at is null
  and failed.finished_at is not null and {written_now("failed")}
""")
LEFT_NOTHING = ("pending", "rejected", "suppressed")
HandledDelivery = Handled[DueDelivery, DeliveryUpdate]


class AfterEnds(NamedTuple):
    """What is to be known once deliveries have ended, before the commit.

    stood: the claims that stood. hints: what may leave next. ends: how all parts of the replies
    ended.
    """

    stood: set[ClaimKey]
    hints: list[Hint]
    ends: list[PartEnd]
    reserved: Reserved

    @classmethod
    def statements(
        cls,
        ended: Sequence[Delivery],
        last_parts: Sequence[Delivery],
        reserved: Values,
        handled: Sequence[int] = (),
    ) -> list[Statement]:
        """To run after their rows were changed; the last one returns the row for `of`.

        last_parts: of the replies whose ends are asked for. handled: ids of finished claims.
        """
        ids = [delivery.id for delivery in ended]
        parts = [id for delivery in last_parts for id in part_ids(delivery)]
        values = {"id": list(handled), "ended": ids, "parts": parts, **reserved}
        return [*DELIVERY.unblock(ids), (CHECK, values)]

    @classmethod
    def of(cls, rows: Iterable[Any]) -> Self:
        (row,) = rows
        return cls(
            {(id, epoch) for id, epoch in row.stood or ()},
            [Hint(*hint) for hint in row.next or ()],
            [PartEnd(*end) for end in row.ends or ()],
            Reserved(row.ids, row.has_older),
        )


def store(
    connection: Connection,
    finish: Sequence[Statement],
    handled: Sequence[HandledDelivery],
    clock: Clock,
) -> Stored:
    """In two round trips."""
    ended, last_parts, dropped = ended_of(handled), last_of(handled), later_parts_of(handled)
    events = len(handled) + len(dropped) + sum(len(last.answers) for last in last_parts)
    reserved = reserve({work.item.conversation for work in handled}, events)
    ids = [work.item.id for work in handled]
    check = AfterEnds.statements(ended, last_parts, reserved, ids)
    limits = after_unsent(unsent_of(handled))
    statements = [*finish, *end_later_parts(dropped), *limits, *check]
    after = AfterEnds.of(connection.execute_together(statements))
    stood = [work for work in handled if work.claim.key in after.stood]
    updates = updates_of(stood)
    for delivery, update, _ in updates:
        if update.status != delivery.status:
            metrics.DELIVERIES.labels(update.status).inc()
    last_parts = last_of(stood)
    now = clock.now()
    outcomes = outcome_events(last_parts, ends_of(last_parts, after.ends), now)
    drafts = [*delivery_events(updates, now), *outcomes]
    rows = add_and_commit(connection, [], drafts, after.reserved)
    return Stored(after.stood, rows, after.hints)


def ended_of(handled: Iterable[HandledDelivery]) -> list[DueDelivery]:
    return [work.item for work in handled if not isinstance(work.outcome, Later)]


def last_of(handled: Iterable[HandledDelivery]) -> list[DueDelivery]:
    """With whose end the reply has ended."""
    return [
        work.item
        for work in handled
        if not isinstance(work.outcome, Later) and (work.item.is_last_part or ends_reply(work))
    ]


def ends_reply(work: HandledDelivery) -> bool:
    """Whether the later parts of its reply are not sent."""
    update = update_of(work.outcome)
    return isinstance(work.outcome, Dropped) and update is not None and update.status in NOT_SENT


def later_parts_of(handled: Iterable[HandledDelivery]) -> list[tuple[int, Delivery]]:
    """The parts that are not sent, each with the id of the one that failed."""
    return [
        (work.item.id, later)
        for work in handled
        if ends_reply(work)
        for later in later_parts(work.item)
    ]


def end_later_parts(parts: Sequence[tuple[int, Delivery]]) -> list[Statement]:
    if not parts:
        return []
    ids = {
        "failed_id": [failed_id for failed_id, _ in parts],
        "delivery_id": [later.delivery_id for _, later in parts],
    }
    return [(END_LATER_PARTS, ids)]


def updates_of(
    handled: Sequence[HandledDelivery],
) -> list[tuple[Delivery, DeliveryUpdate, str | None]]:
    """Each with the reason for which it is given up."""
    own = [
        (work.item, update, work.outcome.reason if isinstance(work.outcome, Dropped) else None)
        for work in handled
        if (update := update_of(work.outcome))
    ]
    later = [
        (part, DeliveryUpdate("suppressed"), PART_FAILED) for _, part in later_parts_of(handled)
    ]
    return [*own, *later]


def unsent_of(handled: Iterable[HandledDelivery]) -> list[Unsent]:
    """What certainly was not sent though it had a send time."""
    return [
        Unsent(work.item.conversation, work.item.phone_number_id, update.error_code)
        for work in handled
        if work.item.send_in is not None
        and (update := work.outcome.result)
        and (update.status in LEFT_NOTHING or is_copy_unsent(work, update))
    ]


def is_copy_unsent(work: HandledDelivery, update: DeliveryUpdate) -> bool:
    """Of what was perhaps sent before: the copy was given up, or held back, which counts no
    resend."""
    given_up = isinstance(work.outcome, Dropped)
    return update.status == "unknown" and (given_up or update.resends < work.item.resends)


def update_of(outcome: Outcome[DeliveryUpdate]) -> DeliveryUpdate | None:
    """None for a handler that failed and tries again."""
    if outcome.result is None and isinstance(outcome, Dropped):
        return DeliveryUpdate("unknown")
    return outcome.result


def new_messages(handled: Iterable[HandledDelivery]) -> list[SentMessage]:
    updates = [(work.item.tenant_id, update_of(work.outcome)) for work in handled]
    return [
        SentMessage(tenant, update.wamid) for tenant, update in updates if update and update.wamid
    ]
