"""The statements for statuses: lock and settle deliveries, park what matches none."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection

from common.postgres.batch_statements import Statement
from sender.status_transitions import StatusUpdate
from sender.tables import DELIVERY_COLUMNS, Delivery, DeliveryUpdate

PARKED_AT_MOST = timedelta(days=8)  # a status may be 7 days late
PARKED_COLUMNS = StatusUpdate._fields[:-1]
# The deliveries of a batch of statuses, by our id or by WhatsApp's, locked in one order.
LOCK = f"""
select {DELIVERY_COLUMNS}, d.status, d.wamid, d.finished_at is not null from delivery d
where d.id = any(array(
  select id from delivery where delivery_id = any(%(delivery_id)s::uuid[])
  union
  select w.id from unnest(%(tenant_id)s::int[], %(wamid)s::text[]) u(tenant_id, wamid)
  join delivery w on w.tenant_id = u.tenant_id and w.wamid = u.wamid and w.wamid is not null))
order by d.id for update
"""
# Stores the new status; an unfinished delivery is done with it. A higher epoch refuses the late
# answer of a send that is still running.
SETTLE = """
update delivery d set status = r.status, wamid = r.wamid, error_code = r.code,
  error_title = r.title, epoch = d.epoch + (d.finished_at is null)::int,
  state = case when d.finished_at is null then 2 else d.state end,
  reason = case when d.finished_at is null then coalesce(r.code::text, r.status) else d.reason end,
  finished_at = coalesce(d.finished_at, now()), lease_until = null, owner = null
from unnest(%(id)s::bigint[], %(status)s::text[], %(wamid)s::text[], %(code)s::int[],
  %(title)s::text[]) r(id, status, wamid, code, title)
where d.id = any(%(id)s::bigint[]) and d.id = r.id
"""
# Keeps statuses of no known delivery.
PARK = """
insert into early_status (tenant_id, wamid, status, status_at, error_code, error_title)
select * from unnest(%(tenant_id)s::int[], %(wamid)s::text[], %(status)s::text[],
  %(status_at)s::timestamptz[], %(error_code)s::int[], %(error_title)s::text[])
on conflict do nothing
"""
# Takes the parked statuses whose delivery is known by now.
TAKE_PARKED = """
delete from early_status e using delivery d
where d.tenant_id = e.tenant_id and d.wamid = e.wamid and d.wamid is not null
returning e.tenant_id, e.wamid, e.status, e.status_at, e.error_code, e.error_title
"""
# Removes statuses that were parked too long.
DELETE_EXPIRED = "delete from early_status where parked_at < now() - %(kept)s"


def lock_deliveries(connection: Connection, statuses: Sequence[StatusUpdate]) -> list[Delivery]:
    """The deliveries that these statuses belong to, locked until the commit."""
    untagged = [status for status in statuses if status.delivery_id is None]
    values = {
        "delivery_id": [status.delivery_id for status in statuses if status.delivery_id],
        "tenant_id": [status.tenant_id for status in untagged],
        "wamid": [status.wamid for status in untagged],
    }
    return [Delivery(*row) for row in connection.exec_driver_sql(LOCK, values)]


def settle_statements(updates: dict[int, DeliveryUpdate]) -> list[Statement]:
    """Ends what is not finished; a higher epoch refuses the late answer of a running send."""
    if not updates:
        return []
    values = {
        "id": list(updates),
        "status": [update.status for update in updates.values()],
        "wamid": [update.wamid for update in updates.values()],
        "code": [update.error_code for update in updates.values()],
        "title": [update.error_title for update in updates.values()],
    }
    return [(SETTLE, values)]


def park_statements(unmatched: Sequence[StatusUpdate]) -> list[Statement]:
    if not unmatched:
        return []
    return [
        (PARK, {name: [getattr(status, name) for status in unmatched] for name in PARKED_COLUMNS})
    ]


def take_parked(connection: Connection) -> list[StatusUpdate]:
    """Parked statuses whose delivery is known by now; their rows are deleted."""
    return [StatusUpdate(*row) for row in connection.exec_driver_sql(TAKE_PARKED)]


def delete_expired(connection: Connection) -> int:
    """Deletes what was parked too long: statuses of other apps on the same number."""
    return connection.exec_driver_sql(DELETE_EXPIRED, {"kept": PARKED_AT_MOST}).rowcount
