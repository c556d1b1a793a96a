"""The statements for parked statuses. Each reads a portion by an index, however many are parked."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from common.postgres.connection import SqlConnection
from common.postgres.rows import arrays, names, rows_as, unnest
from sender.new_wamids import SentMessage
from sender.status_store import MESSAGE_COLUMNS, PARKED_COLUMNS
from sender.status_transitions import StatusUpdate

PARKED_FOR = timedelta(minutes=10)  # an answer comes within half a minute, or its claim is over
PORTION = 1000  # parked statuses looked at in one transaction
TAKEN = f"returning {names(PARKED_COLUMNS)}"

# Takes the statuses of these messages. The `limit`s keep the planner from reading whole tables.
TAKE = f"""
delete from early_status where ctid = any(array(
  select parked.ctid from {unnest(MESSAGE_COLUMNS)} cross join lateral (
    select ctid from early_status e
    where e.tenant_id = given.tenant_id and e.wamid = given.wamid limit 10) parked))
{TAKEN}
"""
# Where a portion of the parked statuses ends; null where it is not a full one.
END_OF_PORTION = """
select parked_at as until from early_status where parked_at > %(after)s
order by parked_at offset %(most)s - 1 limit 1
"""
# Takes the statuses of a portion whose delivery is known.
TAKE_PORTION = f"""
delete from early_status where ctid = any(array(
  select e.ctid from early_status e cross join lateral (
    select from delivery d where d.tenant_id = e.tenant_id and d.wamid = e.wamid
      and d.wamid is not null limit 1) known
  where e.parked_at > %(after)s and e.parked_at <= coalesce(%(until)s::timestamptz, 'infinity')))
{TAKEN}
"""
# Removes statuses that were parked too long.
DELETE_EXPIRED = """
delete from early_status where ctid = any(array(
  select ctid from early_status where parked_at < now() - %(kept)s
  order by parked_at limit %(most)s for update skip locked))
returning 1
"""


def take(connection: SqlConnection, messages: Sequence[SentMessage]) -> list[StatusUpdate]:
    """Removes and returns what was parked of these messages."""
    values = arrays(MESSAGE_COLUMNS, messages)
    return rows_as(StatusUpdate, connection.exec_driver_sql(TAKE, values))


def take_portion(
    connection: SqlConnection, after: datetime
) -> tuple[list[StatusUpdate], datetime | None]:
    """Of those parked after this moment, oldest first, the ones whose delivery is known: removed.
    And where to go on, None after the last portion."""
    values = {"after": after, "most": PORTION}
    until = connection.exec_driver_sql(END_OF_PORTION, values).scalar()
    taken = connection.exec_driver_sql(TAKE_PORTION, {"after": after, "until": until})
    return rows_as(StatusUpdate, taken), until


def delete_expired(connection: SqlConnection) -> int:
    """Removes a portion of those that matched nothing: statuses of other apps on the number."""
    values = {"kept": PARKED_FOR, "most": PORTION}
    return len(connection.exec_driver_sql(DELETE_EXPIRED, values).all())
