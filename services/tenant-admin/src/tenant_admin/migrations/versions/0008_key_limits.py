"""Keys have a role and clients; rows of other clients are not there for a key of some clients."""

from alembic import op

revision = "0008"
down_revision = "0007"

# `allows` are the scopes. A replica of before reads `scopes` and knows no clients: of a key of some
# clients it finds none there.
KEYS = """
alter table api_key add column role text, add column clients integer[], add column allows text[];
update api_key set allows = case when 'clients:write' = any(scopes)
  then scopes || array['secrets:write', 'numbers:write'] else scopes end;
"""
# Not set, or empty: all, as for the service itself, migrations and the command line.
SETTING = """
create function own_clients() returns integer[] language sql stable as
  $$ select nullif(current_setting('conserje.clients', true), '')::integer[] $$;
"""
OF_CLIENT = {
    "clients": "id",
    "client_secret": "client_id",
    "client_usage": "client_id",
    "number_replies": "client_id",
    "priced_replies": "client_id",
}
# By the clients that use it: `clients` itself shows own ones only.
ASSISTANTS = ("assistant", "assistant_version")
# Asked once for each statement. The owner is not bound, so it can dump all rows.
POLICY = """
alter table {table} enable row level security;
create policy of_own_clients on {table} using ((select own_clients()) is null or {is_own});
"""


def conditions() -> dict[str, str]:
    of_client = {
        table: f"{column} = any((select own_clients())::integer[])"
        for table, column in OF_CLIENT.items()
    }
    used = "assistant_id in (select assistant_id from clients)"
    of_key = "clients <@ (select own_clients())::integer[]"
    return of_client | dict.fromkeys(ASSISTANTS, used) | {"api_key": of_key}


def upgrade() -> None:
    op.execute(KEYS)
    op.execute(SETTING)
    for table, is_own in conditions().items():
        op.execute(POLICY.format(table=table, is_own=is_own))


def downgrade() -> None:
    for table in conditions():
        op.execute(f"drop policy of_own_clients on {table}")
        op.execute(f"alter table {table} disable row level security")
    op.execute("drop function own_clients()")
    op.execute("alter table api_key drop column role, drop column clients, drop column allows")
