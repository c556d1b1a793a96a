"""The statements for statuses: lock and settle deliveries, park what may match one soon."""

from collections.abc import Sequence

from common.postgres.connection import Connection, Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, rows_as, unnest
from common.work.schema import WAITING
from sender.decide import LOST_ANSWERS
from sender.reply_ends import END_REASON
from sender.status_transitions import LockedDelivery, StatusTransitions, StatusUpdate
from sender.tables import DELIVERY, DELIVERY_COLUMNS, STATUS_COLUMNS

MESSAGE_COLUMNS = {"tenant_id": "int", "wamid": "text"}
PRICING_COLUMNS = {"pricing_type": "text", "pricing_category": "text"}
SETTLED_COLUMNS = STATUS_COLUMNS | PRICING_COLUMNS
PARKED_COLUMNS = MESSAGE_COLUMNS | SETTLED_COLUMNS | {"status_at": "timestamptz"}
NUMBER_COLUMN = {"phone_number_id": "text"}
COPY_COLUMNS = {"id": "bigint", "wamid": "text"}

# The deliveries of a batch of statuses, by our id or by WhatsApp's, locked in one order.
LOCK = Prepared(f"""
select {DELIVERY_COLUMNS}, d.status, d.finished_at is not null as finished, {END_REASON} as reason,
  {names(PRICING_COLUMNS, "d.")}, d.copies from delivery d
where d.id = any(array(
  select id from delivery where delivery_id = any(%(delivery_id)s::uuid[])
  union
  select w.id from {unnest(MESSAGE_COLUMNS)}
  join delivery w on w.tenant_id = given.tenant_id and w.wamid = given.wamid
    and w.wamid is not null))
order by d.id for update
""")
# Stores the new status; an unfinished delivery is done with it.
SETTLE = Prepared(f"""
update delivery d set ({names(SETTLED_COLUMNS)}) = ({names(SETTLED_COLUMNS, "given.")}),
  {DELIVERY.finish_open("d", "coalesce(given.error_code::text, given.status)")}
from {unnest({"id": "bigint"} | SETTLED_COLUMNS)}
where d.id = any(%(id)s::bigint[]) and d.id = given.id
""")
# Keeps the wamids of second copies, so that each is counted once.
ADD_COPIES = Prepared(f"""
update delivery d set copies = d.copies || array(
  select given.wamid from {unnest(COPY_COLUMNS)} where given.id = d.id)
where d.id = any(%(id)s::bigint[])
""")
# Keeps statuses of no known delivery, where the answer to their send may be on its way: the number
# has a send without an answer, or the answer was stored after LOCK had looked. Reads the indexes of
# open rows: one on `status` would make each update of it touch every index.
PARK = Prepared(f"""
with given as (select * from {unnest(PARKED_COLUMNS | NUMBER_COLUMN)}),
waiting as materialized (
  select tenant_id, phone_number_id from delivery where {DELIVERY.is_running}
  union
  select d.tenant_id, d.phone_number_id from (select distinct tenant_id from given) clients
  cross join lateral (
    select tenant_id, phone_number_id, status from delivery
    where state = {WAITING} and tenant_id = clients.tenant_id
      and due_at > now() and due_at <= now() + interval '{LOST_ANSWERS["reply"].seconds} seconds') d
  where d.status = 'unknown')
insert into early_status ({names(PARKED_COLUMNS)})
select {names(PARKED_COLUMNS)} from given
where (tenant_id, phone_number_id) in (select * from waiting)
  or (select true from delivery d where d.tenant_id = given.tenant_id and d.wamid = given.wamid
    and d.wamid is not null limit 1)
on conflict do nothing
""")


def lock_deliveries(
    connection: Connection, statuses: Sequence[StatusUpdate]
) -> list[LockedDelivery]:
    """The deliveries that these statuses belong to, locked until the commit."""
    tagged = [status.delivery_id for status in statuses if status.delivery_id]
    untagged = [status for status in statuses if status.delivery_id is None]
    values = {"delivery_id": tagged} | arrays(MESSAGE_COLUMNS, untagged)
    return rows_as(LockedDelivery, connection.exec_driver_sql(LOCK, values))


def store_statements(transitions: StatusTransitions) -> list[Statement]:
    """Only those that have something to store. The late answer of a running send is refused."""
    statements: list[Statement] = []
    if updates := transitions.updates:
        ids = {"id": list(updates)}
        statements.append((SETTLE, ids | arrays(SETTLED_COLUMNS, list(updates.values()))))
    if transitions.copies:
        statements.append((ADD_COPIES, arrays(COPY_COLUMNS, transitions.copies)))
    if unmatched := transitions.unmatched:
        statements.append((PARK, arrays(PARKED_COLUMNS | NUMBER_COLUMN, unmatched)))
    return statements
