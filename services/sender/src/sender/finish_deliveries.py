"""The finish of deliveries: their new status, what may leave next, and the events."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

from common.outbox_rows import RESERVED, Reserved, add_and_commit, reserve
from common.postgres.connection import Connection, Statement, Values
from common.postgres.prepared import Prepared
from common.service import metrics
from common.service.clock import Clock
from common.work import Dropped, Handled, Hint, Later, Outcome, Stored
from common.work.statements import written_now
from common.work.table import ClaimKey
from sender.events import delivery_events, outcome_events
from sender.tables import (
    DELIVERY,
    ENDS,
    Delivery,
    DeliveryUpdate,
    DueDelivery,
    PartEnd,
    ends_of,
    part_ids,
)

# Which deliveries stood, what may leave next, and how the replies ended, in one row.
CHECK = Prepared(f"""
select
  (select json_agg(json_build_array(id, epoch)) from delivery
    where id = any(%(id)s::bigint[]) and {written_now("delivery")}) as stood,
  (select json_agg(json_build_array(id, tenant_id, delay)) from ({DELIVERY.successors}) next)
    as next,
  (select json_agg(json_build_array(delivery_id, status, reason)) from ({ENDS}) part) as ends,
  {RESERVED}
""")
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
    ended = ended_of(handled)
    last_parts = [delivery for delivery in ended if delivery.is_last_part]
    events = len(handled) + sum(len(delivery.answers) for delivery in last_parts)
    reserved = reserve({work.item.conversation for work in handled}, events)
    ids = [work.item.id for work in handled]
    check = AfterEnds.statements(ended, last_parts, reserved, ids)
    after = AfterEnds.of(connection.execute_together([*finish, *check]))
    stood = [work for work in handled if work.claim.key in after.stood]
    updates = updates_of(stood)
    for delivery, update in updates:
        if update.status != delivery.status:
            metrics.DELIVERIES.labels(update.status).inc()
    last_parts = [delivery for delivery in ended_of(stood) if delivery.is_last_part]
    now = clock.now()
    outcomes = outcome_events(last_parts, ends_of(last_parts, after.ends), now)
    drafts = [*delivery_events(updates, now), *outcomes]
    rows = add_and_commit(connection, [], drafts, after.reserved)
    return Stored(after.stood, rows, after.hints)


def ended_of(handled: Iterable[HandledDelivery]) -> list[DueDelivery]:
    return [work.item for work in handled if not isinstance(work.outcome, Later)]


def updates_of(
    handled: Iterable[HandledDelivery],
) -> list[tuple[DueDelivery, DeliveryUpdate]]:
    return [(work.item, update) for work in handled if (update := update_of(work.outcome))]


def update_of(outcome: Outcome[DeliveryUpdate]) -> DeliveryUpdate | None:
    """None for a handler that failed and tries again."""
    if outcome.result is None and isinstance(outcome, Dropped):
        return DeliveryUpdate("unknown")
    return outcome.result
