"""The statements for statuses: lock and settle deliveries, park what matches none."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection

from common.postgres.batch_statements import Statement
from common.postgres.rows import arrays, names, rows_as, unnest
from sender.status_transitions import StatusUpdate
from sender.tables import DELIVERY, DELIVERY_COLUMNS, STATUS_COLUMNS, Delivery, DeliveryUpdate

PARKED_AT_MOST = timedelta(days=8)  # a status may be 7 days late
MESSAGE_COLUMNS = {"tenant_id": "int", "wamid": "text"}
PARKED_COLUMNS = MESSAGE_COLUMNS | STATUS_COLUMNS | {"status_at": "timestamptz"}

# The deliveries of a batch of statuses, by our id or by WhatsApp's, locked in one order.
LOCK = f"""
select {DELIVERY_COLUMNS}, d.status, d.finished_at is not null as finished from delivery d
where d.id = any(array(
  select id from delivery where delivery_id = any(%(delivery_id)s::uuid[])
  union
  select w.id from {unnest(MESSAGE_COLUMNS)}
  join delivery w on w.tenant_id = given.tenant_id and w.wamid = given.wamid
    and w.wamid is not null))
order by d.id for update
"""
# Stores the new status; an unfinished delivery is done with it.
SETTLE = f"""
update delivery d set ({names(STATUS_COLUMNS)}) = ({names(STATUS_COLUMNS, "given.")}),
  {DELIVERY.finish_open("d", "coalesce(given.error_code::text, given.status)")}
from {unnest({"id": "bigint"} | STATUS_COLUMNS)}
where d.id = any(%(id)s::bigint[]) and d.id = given.id
"""
# Keeps statuses of no known delivery.
PARK = f"""
insert into early_status ({names(PARKED_COLUMNS)})
select {names(PARKED_COLUMNS)} from {unnest(PARKED_COLUMNS)}
on conflict do nothing
"""
# Takes the parked statuses whose delivery is known by now.
TAKE_PARKED = f"""
delete from early_status e using delivery d
where d.tenant_id = e.tenant_id and d.wamid = e.wamid and d.wamid is not null
returning {names(PARKED_COLUMNS, "e.")}
"""
# Removes statuses that were parked too long.
DELETE_EXPIRED = "delete from early_status where parked_at < now() - %(kept)s"


def lock_deliveries(connection: Connection, statuses: Sequence[StatusUpdate]) -> list[Delivery]:
    """The deliveries that these statuses belong to, locked until the commit."""
    tagged = [status.delivery_id for status in statuses if status.delivery_id]
    untagged = [status for status in statuses if status.delivery_id is None]
    values = {"delivery_id": tagged} | arrays(MESSAGE_COLUMNS, untagged)
    return rows_as(Delivery, connection.exec_driver_sql(LOCK, values))


def settle_statements(updates: Mapping[int, DeliveryUpdate]) -> list[Statement]:
    """By the delivery's id; none without any. The late answer of a running send is refused."""
    if not updates:
        return []
    ids = {"id": list(updates)}
    return [(SETTLE, ids | arrays(STATUS_COLUMNS, list(updates.values())))]


def park_statements(unmatched: Sequence[StatusUpdate]) -> list[Statement]:
    return [(PARK, arrays(PARKED_COLUMNS, unmatched))] if unmatched else []


def take_parked(connection: Connection) -> list[StatusUpdate]:
    """Parked statuses whose delivery is known by now; their rows are deleted."""
    return rows_as(StatusUpdate, connection.exec_driver_sql(TAKE_PARKED))


def delete_expired(connection: Connection) -> int:
    """Deletes what was parked too long: statuses of other apps on the same number."""
    return connection.exec_driver_sql(DELETE_EXPIRED, {"kept": PARKED_AT_MOST}).rowcount
