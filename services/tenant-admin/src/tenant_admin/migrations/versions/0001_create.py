"""Clients, assistants, keys, the audit log and the outbox."""

from alembic import op

from common.outbox_rows import TABLE as OUTBOX

revision = "0001"
down_revision = None

ASSISTANTS = """
create table assistant (
  assistant_id text primary key,
  name text not null,
  published_version integer not null,
  revision integer not null default 1,   -- grows with every publication, also of an older version
  created_at timestamptz not null
);
create table assistant_version (
  assistant_id text not null references assistant on delete cascade,
  version integer not null check (version >= 1),
  name text not null,
  instructions text not null,
  model text not null,
  reasoning_effort text,
  verbosity text,
  temperature double precision,
  top_p double precision,
  max_output_tokens integer not null,
  tools jsonb not null default '[]',
  response_format jsonb,
  source_raw jsonb,
  source_hash text,
  warnings jsonb not null default '[]',
  created_at timestamptz not null,
  created_by text not null,
  primary key (assistant_id, version)
);
"""

CLIENTS = """
create table clients (
  id integer generated always as identity primary key,
  name text not null,
  phone_number text not null,
  phone_number_id text not null constraint clients_phone_number_id unique,
  assistant_id text not null references assistant,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  settings jsonb not null default '{}',
  version integer not null default 1
);
create index clients_assistant on clients (assistant_id);
create table client_secret (
  client_id integer not null references clients on delete cascade,
  field text not null,
  sealed text not null,
  primary key (client_id, field)
);
"""

KEYS = """
create table api_key (
  prefix text primary key,
  name text not null,
  hash text not null,
  scopes text[] not null,
  created_at timestamptz not null,
  created_by text not null,
  expires timestamptz,
  last_used timestamptz,
  revoked timestamptz
);
"""

# The log is append-only even for this service's own user.
AUDIT = """
create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor text not null,
  key_prefix text,
  request_id text not null,
  action text not null,
  object text not null,
  before_hash text,
  after_hash text
);
create index audit_log_object on audit_log (object, id);
create function refuse_change() returns trigger language plpgsql as
  $$ begin raise exception 'audit_log is append-only'; end $$;
create trigger audit_log_append_only before update or delete or truncate on audit_log
  for each statement execute function refuse_change();
"""


def upgrade() -> None:
    for ddl in (ASSISTANTS, CLIENTS, KEYS, AUDIT, OUTBOX):
        op.execute(ddl)
