"""The statements that statuses need: find and end deliveries, park what matches none."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection

from common.postgres.batch_statements import Statement
from sender.follow import News
from sender.tables import IDENTITY, Change, Delivery

KEPT = timedelta(days=8)  # a status may be 7 days late


def lock(connection: Connection, news: Sequence[News]) -> list[Delivery]:
    """The deliveries that these news speak of, held until the commit."""
    untagged = [one for one in news if one.delivery_id is None]
    values = {
        "delivery_id": [one.delivery_id for one in news if one.delivery_id],
        "tenant_id": [one.tenant_id for one in untagged],
        "wamid": [one.wamid for one in untagged],
    }
    return [Delivery(*row) for row in connection.exec_driver_sql(LOCK, values)]


def settling(changes: dict[int, Change]) -> list[Statement]:
    """Ends what is not finished; a higher epoch refuses the late answer of a send in hand."""
    if not changes:
        return []
    values = {
        "id": list(changes),
        "status": [change.status for change in changes.values()],
        "wamid": [change.wamid for change in changes.values()],
        "code": [change.error_code for change in changes.values()],
        "title": [change.error_title for change in changes.values()],
    }
    return [(SETTLE, values)]


def parking(strangers: Sequence[News]) -> list[Statement]:
    if not strangers:
        return []
    return [(PARK, {name: [getattr(one, name) for one in strangers] for name in PARKED})]


def take_known(connection: Connection) -> list[News]:
    """Parked statuses whose delivery is known by now; they are parked no longer."""
    return [News(*row) for row in connection.exec_driver_sql(TAKE_KNOWN)]


def forget(connection: Connection) -> int:
    """Removes what was parked too long: statuses of other apps on the same number."""
    return connection.exec_driver_sql(FORGET, {"kept": KEPT}).rowcount


PARKED = News._fields[:-1]
LOCK = f"""
select {IDENTITY}, d.status, d.wamid, d.finished_at is not null from delivery d
where d.id = any(array(
  select id from delivery where delivery_id = any(%(delivery_id)s::uuid[])
  union
  select w.id from unnest(%(tenant_id)s::int[], %(wamid)s::text[]) u(tenant_id, wamid)
  join delivery w on w.tenant_id = u.tenant_id and w.wamid = u.wamid and w.wamid is not null))
order by d.id for update
"""
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
PARK = """
insert into early_status (tenant_id, wamid, status, status_at, error_code, error_title)
select * from unnest(%(tenant_id)s::int[], %(wamid)s::text[], %(status)s::text[],
  %(status_at)s::timestamptz[], %(error_code)s::int[], %(error_title)s::text[])
on conflict do nothing
"""
TAKE_KNOWN = """
delete from early_status e using delivery d
where d.tenant_id = e.tenant_id and d.wamid = e.wamid and d.wamid is not null
returning e.tenant_id, e.wamid, e.status, e.status_at, e.error_code, e.error_title
"""
FORGET = "delete from early_status where parked_at < now() - %(kept)s"
