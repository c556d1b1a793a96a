"""Lines of the audit log say what changed, and are chained by hash."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

COLUMNS = """
alter table audit_log add column changes jsonb not null default '[]';
create index audit_log_at on audit_log (at);
"""
# `position` has no gaps. `hash` covers the hash before it and the line;
# tenant_admin.core.audit_chain makes the same of them.
CHAIN = """
create table audit_chain (
  position bigint primary key,
  line_id bigint not null constraint audit_chain_line_id unique,
  hash text not null
);
create function audit_line_hash(previous text, line audit_log) returns text language sql stable as
$$
  select encode(sha256(convert_to(previous || array_to_json(array[
    line.id::text, to_char(line.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US'), line.actor,
    line.key_prefix, line.request_id, line.action, line.object, line.before_hash, line.after_hash,
    line.changes::text])::text, 'UTF8')), 'hex')
$$;
"""
# At the commit, so that nothing is waited for while the lock is held, whatever a change locks, and
# in which order. As the owner: the running role cannot write the chain.
CHAIN_LINE = """
create function chain_audit_line() returns trigger language plpgsql security definer
set search_path = {schema}, pg_temp as
$$
declare head audit_chain;
begin
  perform pg_advisory_xact_lock(hashtext('{schema}.audit_chain'));
  select * into head from audit_chain order by position desc limit 1;
  insert into audit_chain values (coalesce(head.position, 0) + 1, new.id,
    audit_line_hash(coalesce(head.hash, ''), new));
  return null;
end
$$;
create constraint trigger audit_log_chained after insert on audit_log
  deferrable initially deferred for each row execute function chain_audit_line();
"""
APPEND_ONLY = """
create or replace function refuse_change() returns trigger language plpgsql as
  $$ begin raise exception '% is append-only', tg_table_name; end $$;
create trigger audit_chain_append_only before update or delete or truncate on audit_chain
  for each statement execute function refuse_change();
"""
# The lines that are there, and one that says so; the trigger's lock keeps new ones out meanwhile.
LINES_OF_BEFORE = """
do $$
declare line audit_log; place bigint := 0; previous text := '';
begin
  for line in select * from audit_log order by id loop
    place := place + 1;
    previous := audit_line_hash(previous, line);
    insert into audit_chain values (place, line.id, previous);
  end loop;
  if place = 0 then
    return;
  end if;
  insert into audit_log (at, actor, request_id, action, object, after_hash, changes)
  values (now(), 'migration', '0009', 'audit.chained', 'audit_log', nullif(previous, ''),
    jsonb_build_array(jsonb_build_object('field', 'lines', 'before', null, 'after', place)));
  set constraints audit_log_chained immediate;  -- a later migration may alter the table
end
$$;
"""


def upgrade() -> None:
    schema = op.get_bind().execute(sa.text("select current_schema()")).scalar()
    chain_line = CHAIN_LINE.format(schema=schema)
    for ddl in (COLUMNS, CHAIN, chain_line, APPEND_ONLY, LINES_OF_BEFORE):
        op.execute(ddl)


def downgrade() -> None:
    op.execute("""
drop trigger audit_log_chained on audit_log;
drop function chain_audit_line;
drop table audit_chain;
drop function audit_line_hash;
drop index audit_log_at;
alter table audit_log drop column changes;
""")
