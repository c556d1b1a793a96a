"""The SQL that moves the rows of a work table; `{table}` and more is filled in by WorkTable.

The shapes avoid planner traps that cost time once: ids are matched with `= any(array(...))`, locks
come first, and what is due is chosen by reading indexes, so that only the rows of a claim are
locked.
"""

from common.postgres.rows import names
from common.work.fairness import MAX_TENANTS
from common.work.schema import BLOCKED, RUNNING, WAITING

DUE_AT_ONCE = 500
PROBED_TENANTS = 400

CLAIM = ("id", "epoch", "attempts", "tenant_id", "failures", "unfinished")

# A condition: no earlier row of the same serial column is open.
IS_FIRST = """and not exists (select from {table} earlier where earlier.{serial} = t.{serial}
    and earlier.id < t.id and earlier.finished_at is null)"""

# Claims waiting rows by id. `picked` has the row as it was before.
CLAIM_BY_ID = f"""
with picked as (
  select t.* from {{table}} t where t.id = any(%(ids)s::bigint[]) and t.state = {WAITING}
    and t.due_at <= now() {{is_first}} for update skip locked)
update {{table}} t set state = {RUNNING}, epoch = t.epoch + 1, attempts = t.attempts + 1,
  unfinished = t.unfinished + 1, owner = %(owner)s::int,
  lease_until = now() + %(lease)s::float8 * interval '1 second'{{on_claim}}
from picked
where t.id = any(array(select id from picked)) and t.id = picked.id
returning {names(CLAIM, "t.")}{{claimed}}
"""

# The rows that have been due for the longest time.
DUE = f"""
select id, tenant_id, unfinished from {{table}}
where state = {WAITING} and due_at <= now() order by due_at limit {DUE_AT_ONCE}
"""

# The same by tenant, for some tenants behind the cursor: where more is due than DUE reads. One row
# per due row with the next cursor; one with nulls when nothing is due.
DUE_BY_TENANT = f"""
with recursive tenants(tenant_id, due_at) as (
  (select tenant_id, due_at from {{table}} where state = {WAITING} and tenant_id > %(cursor)s::int
   order by tenant_id, due_at limit 1)
  union all
  select next.tenant_id, next.due_at from tenants cross join lateral (
    select t.tenant_id, t.due_at from {{table}} t
    where t.state = {WAITING} and t.tenant_id > tenants.tenant_id
    order by t.tenant_id, t.due_at limit 1) next),
probed as materialized (select * from tenants limit {PROBED_TENANTS}),
chosen as materialized (
  select tenant_id from probed where due_at <= now() order by tenant_id limit {MAX_TENANTS}),
reached as (
  select case when (select count(*) from chosen) = {MAX_TENANTS}
      then (select max(tenant_id) from chosen)
    when (select count(*) from probed) = {PROBED_TENANTS} then (select max(tenant_id) from probed)
    else 0 end as cursor)
select due.*, reached.cursor from reached left join (
  select due.* from chosen cross join lateral (
    select id, tenant_id, unfinished from {{table}} t
    where t.state = {WAITING} and t.tenant_id = chosen.tenant_id and t.due_at <= now()
    order by t.due_at limit %(each)s::int) due) due on true
"""

FINISHED = {
    "id": "bigint",
    "epoch": "int",
    "state": "smallint",
    "delay": "float8",
    "reason": "text",
    "failed": "boolean",
}
# Moves claimed rows whose claim still stands. Rows are locked by id, as every other statement that
# locks several rows of the table does: two orders are a deadlock.
FINISH = f"""
with given as (select * from {{given}}),
locked as (select id from {{table}} where id = any(%(id)s::bigint[]) order by id for update)
update {{table}} t set state = given.state, reason = given.reason, lease_until = null, owner = null,
  unfinished = 0, failures = t.failures + given.failed::int,
  due_at = case when given.state = {WAITING} then now() + given.delay * interval '1 second'
    else t.due_at end,
  finished_at = case when given.state = {WAITING} then null else now() end{{on_finish}}
from given
where t.id = any(array(select id from locked)) and t.id = given.id and t.epoch = given.epoch
  and t.state = {RUNNING}
"""

# Of these rows, those whose claim counted; with written_now behind it, in the finish's transaction.
STOOD = "select id, epoch from {table} where id = any(%(id)s::bigint[]) and "

# Running rows of one owner become another's, which is the same process under a new number.
ADOPT = f"update {{table}} set owner = %(new)s where state = {RUNNING} and owner = %(old)s"

# What the process should look at: owners of running rows whose lock is free, so that their process
# is gone; leases of others that are over, and own ones; rows that have been due for a moment.
LOOK = f"""
select
  array(select owner from (
    select distinct owner from {{table}}
    where state = {RUNNING} and owner is not null and owner <> %(owner)s::int) others
    where pg_try_advisory_xact_lock(hashtext(current_schema() || '.{{table}}'), owner)) as free,
  exists (select from {{table}} where state = {RUNNING} and lease_until < now()
    and owner is distinct from %(owner)s::int) as expired,
  exists (select from {{table}} where state = {RUNNING} and lease_until < now()
    and owner = %(owner)s::int) as own_expired,
  exists (select from {{table}} where state = {WAITING}
    and due_at < now() - interval '0.1 second') as due
"""

# Makes the rows of dead owners, and of others whose lease is over, wait again.
TAKE_OVER = f"""
update {{table}} set state = {WAITING}, epoch = epoch + 1, lease_until = null, owner = null
where id = any(array(
  select id from {{table}}
  where state = {RUNNING} and (owner = any(%(dead)s::int[])
    or (lease_until < now() and owner is distinct from %(owner)s::int))
  for update skip locked))
"""

# Makes the rows wait again that stand as this owner's though it does not have them: the answer to
# their claim was lost.
RELEASE_UNCONFIRMED = f"""
update {{table}} set state = {WAITING}, epoch = epoch + 1, lease_until = null, owner = null
where id = any(array(
  select id from {{table}} w
  where w.state = {RUNNING} and w.owner = %(owner)s::int and not exists (
    select from unnest(%(ids)s::bigint[], %(epochs)s::int[]) held(id, epoch)
    where held.id = w.id and held.epoch = w.epoch)
  for update skip locked))
"""

# The first open row behind each finished one may run.
UNBLOCK = f"""
update {{table}} set state = {WAITING} where state = {BLOCKED} and id = any(array(
  select first.id from (
    select distinct {{serial}} from {{table}} where id = any(%(id)s::bigint[])) done
  cross join lateral (
    select id from {{table}} n where n.{{serial}} = done.{{serial}} and n.finished_at is null
    order by n.id limit 1) first))
"""
# Blocked rows whose earlier row is gone, by an operator's hand for example.
UNBLOCK_LEFT = f"""
update {{table}} t set state = {WAITING} where t.state = {BLOCKED} and t.id = any(array(
  select id from {{table}} t where t.state = {BLOCKED} {{is_first}} order by t.id limit 1000))
"""
# Of the serial column of finished rows: the first open row, where it waits.
SUCCESSORS = f"""
select first.id, first.tenant_id,
  greatest(0, extract(epoch from first.due_at - clock_timestamp()))::float8 as delay
from (select distinct {{serial}} from {{table}} where id = any(%(ended)s::bigint[])) done
cross join lateral (
  select id, tenant_id, due_at, state from {{table}} n
  where n.{{serial}} = done.{{serial}} and n.finished_at is null order by n.id limit 1) first
where first.state = {WAITING}
"""

# What some rows waited for has come.
MAKE_DUE = f"""
update {{table}} set due_at = now() where id = any(array(
  select id from {{table}} where state = {WAITING} and due_at > now() and {{condition}}
  limit {{portion}} for update skip locked))
returning 1
"""


def written_now(table: str) -> str:
    """A condition: this transaction has inserted or changed the row."""
    return f"{table}.xmin = pg_current_xact_id()::xid"
