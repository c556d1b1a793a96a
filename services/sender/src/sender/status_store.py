"""The statements for statuses: lock and settle deliveries, park what matches none."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from common.postgres.connection import Connection, SqlConnection, Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, rows_as, unnest
from sender.status_transitions import StatusUpdate
from sender.tables import DELIVERY, DELIVERY_COLUMNS, STATUS_COLUMNS, Delivery, DeliveryUpdate

PARKED_AT_MOST = timedelta(days=1)  # an answer comes within a minute, after an outage in hours
RECENT = timedelta(minutes=1)  # longer than a send takes, and than a transaction
PORTION = 2000  # parked statuses looked at in one transaction
MESSAGE_COLUMNS = {"tenant_id": "int", "wamid": "text"}
PARKED_COLUMNS = MESSAGE_COLUMNS | STATUS_COLUMNS | {"status_at": "timestamptz"}

# The deliveries of a batch of statuses, by our id or by WhatsApp's, locked in one order.
LOCK = Prepared(f"""
select {DELIVERY_COLUMNS}, d.status, d.finished_at is not null as finished from delivery d
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
update delivery d set ({names(STATUS_COLUMNS)}) = ({names(STATUS_COLUMNS, "given.")}),
  {DELIVERY.finish_open("d", "coalesce(given.error_code::text, given.status)")}
from {unnest({"id": "bigint"} | STATUS_COLUMNS)}
where d.id = any(%(id)s::bigint[]) and d.id = given.id
""")
# Keeps statuses of no known delivery.
PARK = Prepared(f"""
insert into early_status ({names(PARKED_COLUMNS)})
select {names(PARKED_COLUMNS)} from {unnest(PARKED_COLUMNS)}
on conflict do nothing
""")
# Where a portion of the parked statuses ends; null where it is not a full one.
END_OF_PORTION = """
select (select parked_at from early_status where parked_at > %(after)s
  order by parked_at offset %(most)s - 1 limit 1) as until, now() - %(recent)s as recent
"""
# Takes the parked statuses of a portion whose delivery is known by now.
TAKE_PARKED = f"""
delete from early_status e using delivery d
where e.parked_at > %(after)s and e.parked_at <= coalesce(%(until)s::timestamptz, 'infinity')
  and d.tenant_id = e.tenant_id and d.wamid = e.wamid and d.wamid is not null
returning {names(PARKED_COLUMNS, "e.")}
"""
# Removes statuses that were parked too long.
DELETE_EXPIRED = "delete from early_status where parked_at < now() - %(kept)s returning 1"


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


class ParkedPortion(NamedTuple):
    """statuses: those whose delivery is known by now. next_after: where to go on; after the last
    portion a minute back, as some that were parked may not have been committed yet."""

    statuses: list[StatusUpdate]
    next_after: datetime
    is_last: bool


def take_parked(connection: SqlConnection, after: datetime) -> ParkedPortion:
    """Looks at those parked after this moment, oldest first; the rows of `statuses` are deleted."""
    values = {"after": after, "most": PORTION, "recent": RECENT}
    (end,) = connection.exec_driver_sql(END_OF_PORTION, values)
    taken = connection.exec_driver_sql(TAKE_PARKED, {"after": after, "until": end.until})
    return ParkedPortion(
        rows_as(StatusUpdate, taken), end.until or end.recent, is_last=end.until is None
    )


def delete_expired(connection: SqlConnection) -> int:
    """Deletes what was parked too long: statuses of other apps on the same number."""
    return len(connection.exec_driver_sql(DELETE_EXPIRED, {"kept": PARKED_AT_MOST}).all())
