"""Answers to requests that may be repeated; keys whose end nobody could read."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLE = """
create table idempotent_request (
  id text primary key,
  request_hash text not null,
  answer bytea,
  created_at timestamptz not null
);
create index idempotent_request_at on idempotent_request (created_at);
"""
# Later than Python's last year, so that a list of the keys failed.
READABLE_ENDS = """
update api_key set expires = '9999-12-31T00:00:00Z' where expires > '9999-12-31T00:00:00Z'
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(READABLE_ENDS)


def downgrade() -> None:
    op.execute("drop table idempotent_request")
